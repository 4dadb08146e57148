// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Iterator;

/** The head of an HTTP/1 request that was read strictly, in the form in which it is forwarded. */
final class Http1Request extends DefaultHttpRequest {
  private final String host;
  private final long contentLength;
  private final boolean chunked;

  /**
   * A request.
   *
   * @param target the path, or what else stands in its place
   * @param host the authority; empty for none
   * @param contentLength the content's length; 0 for none and for chunks
   * @param chunked whether the content comes in chunks
   */
  Http1Request(
      HttpVersion version,
      HttpMethod method,
      String target,
      String host,
      HttpHeaders headers,
      long contentLength,
      boolean chunked) {
    super(version, method, target, headers);
    this.host = host;
    this.contentLength = contentLength;
    this.chunked = chunked;
  }

  long contentLength() {
    return contentLength;
  }

  boolean isChunked() {
    return chunked;
  }

  boolean hasContent() {
    return chunked || contentLength > 0;
  }

  boolean isConnect() {
    return method().equals(HttpMethod.CONNECT);
  }

  /** Whether the client wants another protocol behind this request. */
  boolean isUpgrade() {
    return headers().contains(HttpHeaderNames.UPGRADE);
  }

  boolean is10() {
    return protocolVersion().equals(HttpVersion.HTTP_1_0);
  }

  /** This request as rules see it. */
  RequestMatcher.Request asked() {
    return new RequestMatcher.Request() {
      @Override
      public String method() {
        return Http1Request.this.method().name();
      }

      @Override
      public String path() {
        return isConnect() ? "" : uri();
      }

      @Override
      public String host() {
        return host;
      }

      @Override
      public boolean hasHeader(String name) {
        return headers().contains(name);
      }

      @Override
      public boolean hasHeader(String name, String value) {
        return isJoined(headers().valueStringIterator(name), value);
      }
    };
  }

  /** Whether values, joined by commas, are this one. */
  static boolean isJoined(Iterator<? extends CharSequence> values, String wanted) {
    if (!values.hasNext()) {
      return false;
    }
    int at = 0;
    while (true) {
      CharSequence value = values.next();
      int end = at + value.length();
      if (end > wanted.length() || CharSequence.compare(wanted.subSequence(at, end), value) != 0) {
        return false;
      }
      if (!values.hasNext()) {
        return end == wanted.length();
      }
      if (end == wanted.length() || wanted.charAt(end) != ',') {
        return false;
      }
      at = end + 1;
    }
  }
}
