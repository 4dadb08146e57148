// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.log;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;

/**
 * Writes each line as fields: time, level, where it comes from, and the message. The house's
 * messages carry their data as {@code key=value} themselves.
 */
final class LineLogger extends LegacyAbstractLogger {
  private static final long serialVersionUID = 1L;

  private static final LineRate RATE = new LineRate(System::nanoTime);

  private final transient PrintStream out;

  LineLogger(String name, PrintStream out) {
    this.name = name;
    this.out = out;
  }

  @Override
  protected String getFullyQualifiedCallerName() {
    return LineLogger.class.getName();
  }

  @Override
  protected void handleNormalizedLoggingCall(
      Level level,
      @Nullable Marker marker,
      String pattern,
      Object @Nullable [] arguments,
      @Nullable Throwable thrown) {
    int leftOut = level.toInt() < Level.INFO.toInt() ? 0 : RATE.take(name + '\n' + pattern);
    if (leftOut >= 0) {
      String message = MessageFormatter.basicArrayFormat(pattern, arguments);
      out.print(
          line(level, leftOut > 0 ? message + " left-out-before=" + leftOut : message, thrown));
    }
  }

  /** The line, with its break. */
  private String line(Level level, String message, @Nullable Throwable thrown) {
    String time = Instant.now().truncatedTo(ChronoUnit.MILLIS).toString();
    String where = name.substring(name.lastIndexOf('.') + 1);
    String what = level.toString().toLowerCase(Locale.ROOT);
    var line = new StringBuilder();
    if (LogSetup.isJson()) {
      line.append("{\"time\":\"").append(time).append("\",\"level\":\"").append(what);
      line.append("\",\"subsys\":");
      quote(line, where);
      line.append(",\"msg\":");
      quote(line, message);
      if (thrown != null) {
        line.append(",\"error\":");
        quote(line, trace(thrown));
      }
      return line.append("}\n").toString();
    }
    line.append("time=").append(time).append(" level=").append(what).append(" subsys=");
    line.append(where).append(" msg=");
    quote(line, message);
    line.append('\n');
    return thrown == null ? line.toString() : line.append(trace(thrown)).toString();
  }

  private static String trace(Throwable thrown) {
    var text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text));
    return text.toString();
  }

  /** One line in any case: a message with a line break must not pass for two. */
  static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\t' -> out.append("\\t");
        default -> {
          if (Character.isISOControl(c)) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  @Override
  public boolean isTraceEnabled() {
    return LogSetup.isOn(Level.TRACE);
  }

  @Override
  public boolean isDebugEnabled() {
    return LogSetup.isOn(Level.DEBUG);
  }

  @Override
  public boolean isInfoEnabled() {
    return LogSetup.isOn(Level.INFO);
  }

  @Override
  public boolean isWarnEnabled() {
    return LogSetup.isOn(Level.WARN);
  }

  @Override
  public boolean isErrorEnabled() {
    return LogSetup.isOn(Level.ERROR);
  }
}
