// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpUtil;
import org.jspecify.annotations.Nullable;

/** Netty's aggregator, whose refusals have this API's text. */
final class BodyAggregator extends HttpObjectAggregator {

  BodyAggregator(int maxBytes) {
    super(maxBytes);
  }

  /** Nothing for a body that is too large, which is then refused as any other is. */
  @Override
  protected @Nullable Object newContinueResponse(
      HttpMessage start, int maxBytes, ChannelPipeline pipeline) {
    return HttpUtil.is100ContinueExpected(start) && !isContentLengthInvalid(start, maxBytes)
        ? super.newContinueResponse(start, maxBytes, pipeline)
        : null;
  }

  @Override
  protected void handleOversizedMessage(ChannelHandlerContext context, HttpMessage oversized) {
    context.fireExceptionCaught(new Refusal(413, "body: at most " + maxContentLength() + " bytes"));
  }
}
