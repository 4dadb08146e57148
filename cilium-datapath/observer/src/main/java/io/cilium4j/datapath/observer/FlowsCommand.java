// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.PrintStream;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * {@code cilium flows}: the flows of an agent, read at its socket as {@code hubble observe} does,
 * with the same filters.
 */
public final class FlowsCommand {

  private static final String HELP =
      """
      cilium flows [OPTIONS] [FILTERS]

      Prints the flows that the agent keeps, and those that follow. Takes the options and filters
      of "hubble observe"; the agent must run with --enable-hubble.

        --all              all that are kept
        --first N          the first N of them
        --last N           the last N; default 20
        -f, --follow       go on with those that come
        --since TIME       from then on; 5m, 2026-01-31, 2026-01-31T12:00:00Z
        --until TIME       until then
        -o, --output FORM  compact (default), json, jsonpb
        --numeric          addresses and numbers instead of names
        --server ADDRESS   unix://PATH; default HUBBLE_SERVER, or /var/run/cilium/hubble.sock
        --allowlist JSON   filters as the protocol has them, one object behind another
        --denylist JSON    the same of what not to print
        --print-raw-filters  print the filters instead

      Filters. Of one that is given several times one value must match. --not reverses the next.

        --ip, --pod, --namespace (-n), --label (-l), --identity, --port, --service, --workload,
        --fqdn, --cluster  of either end; with from- or to- before the name, of that end
        -A, --all-namespaces, --from-all-namespaces, --to-all-namespaces
        --verdict, --drop-reason-desc, --type (-t) TYPE[:POINT], --traffic-direction
        --protocol, --tcp-flags, --ip-version, --ipv4 (-4), --ipv6 (-6), --interface
        --http-status, --http-method, --http-path, --http-url, --http-header NAME:VALUE
        --node-name, --node-label, --uuid, --trace-id, --ip-trace-id, --snat-ip
        --encrypted, --unencrypted, --cel-expression
      """;

  private static final String SOCKET = "/var/run/cilium/hubble.sock";
  private static final String UNIX = "unix://";
  private static final long DEFAULT_NUMBER = 20;
  private static final int MISUSED = 2;

  private static final Pattern AGO = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)(ms|s|m|h|d)");

  private final FlowFlags flags = new FlowFlags();

  private final List<FlowFilter> allowed = new ArrayList<>();
  private final List<FlowFilter> denied = new ArrayList<>();
  private final GetFlowsRequest.Builder request = GetFlowsRequest.newBuilder();
  private String server;
  private Optional<Long> number = Optional.empty();
  private boolean isAll;
  private boolean isJson;
  private boolean isNumeric;
  private boolean isRaw;

  private FlowsCommand(String server) {
    this.server = server;
  }

  /**
   * Runs the command to its end, which is that of the agent where it follows.
   *
   * @param words behind {@code cilium flows}
   * @param server what {@code HUBBLE_SERVER} says, empty for nothing
   * @return the exit code
   */
  public static int run(List<String> words, String server, PrintStream out, PrintStream err) {
    if (words.contains("--help") || words.contains("-h")) {
      out.print(HELP);
      return 0;
    }
    var command = new FlowsCommand(server.isEmpty() ? UNIX + SOCKET : server);
    try {
      command.read(words);
      if (command.isRaw) {
        command.printFilters(out);
        return 0;
      }
      command.ask(out, err);
      return 0;
    } catch (IllegalArgumentException e) {
      err.println("cilium flows: " + e.getMessage());
      return MISUSED;
    } catch (StatusRuntimeException e) {
      err.println("cilium flows: " + command.told(e));
      return 1;
    }
  }

  private String told(StatusRuntimeException e) {
    return switch (e.getStatus().getCode()) {
      case UNAVAILABLE -> server + ": cannot connect; does the agent run with --enable-hubble?";
      default ->
          Optional.ofNullable(e.getStatus().getDescription())
              .orElseGet(() -> e.getStatus().getCode().toString());
    };
  }

  // ---- what is asked

  private void read(List<String> words) {
    for (int at = 0; at < words.size(); ) {
      String word = words.get(at);
      Optional<String> next =
          at + 1 < words.size() ? Optional.of(words.get(at + 1)) : Optional.empty();
      int taken = flags.take(word, next);
      if (taken == 0) {
        taken = option(word, next);
      }
      if (taken == 0) {
        throw new IllegalArgumentException(word + ": unknown; see --help");
      }
      at += taken;
    }
    flags.check();
    allowed.addAll(flags.wanted());
    denied.addAll(flags.unwanted());
    request.addAllWhitelist(allowed).addAllBlacklist(denied);
    boolean isBounded = request.hasSince() || request.hasUntil() || request.getFollow();
    request.setNumber(isAll ? 0 : number.orElse(isBounded ? 0 : DEFAULT_NUMBER));
    if (isAll && !request.hasSince()) {
      request.setSince(Timestamp.getDefaultInstance());
    }
  }

  private int option(String word, Optional<String> next) {
    int equals = word.indexOf('=');
    boolean isOne = equals > 0 && word.startsWith("--");
    String name = isOne ? word.substring(0, equals) : word;
    switch (name) {
      case "--all" -> isAll = true;
      case "-f", "--follow" -> request.setFollow(true);
      case "--numeric" -> isNumeric = true;
      case "--print-raw-filters" -> isRaw = true;
      default -> {
        Consumer<String> take = valued(name);
        if (take == null) {
          return 0;
        }
        Optional<String> value = isOne ? Optional.of(word.substring(equals + 1)) : next;
        take.accept(
            value.orElseThrow(() -> new IllegalArgumentException(name + ": wanted a value")));
        return isOne ? 1 : 2;
      }
    }
    return 1;
  }

  private @Nullable Consumer<String> valued(String name) {
    return switch (name) {
      case "--first" ->
          value -> {
            number = Optional.of(number(name, value));
            request.setFirst(true);
          };
      case "--last" -> value -> number = Optional.of(number(name, value));
      case "--since" -> value -> request.setSince(time(name, value));
      case "--until" -> value -> request.setUntil(time(name, value));
      case "-o", "--output" ->
          value -> {
            if (!List.of("compact", "json", "jsonpb").contains(value)) {
              throw new IllegalArgumentException(name + " " + value + ": wanted compact or json");
            }
            isJson = !value.equals("compact");
          };
      case "--server" -> value -> server = value;
      case "--allowlist" -> value -> addRaw(value, allowed);
      case "--denylist" -> value -> addRaw(value, denied);
      default -> null;
    };
  }

  private static long number(String name, String value) {
    if (!value.matches("[0-9]{1,18}")) {
      throw new IllegalArgumentException(name + " " + value + ": wanted a number");
    }
    return Long.parseLong(value);
  }

  private static void addRaw(String text, List<FlowFilter> to) {
    for (String each : JsonObjects.split(text)) {
      var filter = FlowFilter.newBuilder();
      try {
        JsonFormat.parser().merge(each, filter);
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalArgumentException(each + ": " + e.getMessage(), e);
      }
      to.add(filter.build());
    }
  }

  private static Timestamp time(String name, String value) {
    try {
      return FlowMessages.timestamp(time(value));
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException(
          name + " " + value + ": wanted a time, as 2026-01-31T12:00:00Z, or such as 5m", e);
    }
  }

  private static Instant time(String value) {
    if (value.matches("(?:" + AGO.pattern() + ")+")) {
      Duration ago = Duration.ZERO;
      Matcher parts = AGO.matcher(value);
      while (parts.find()) {
        double amount = Double.parseDouble(parts.group(1));
        ago = ago.plusNanos((long) (amount * unit(parts.group(2)).toNanos()));
      }
      return Instant.now().minus(ago);
    }
    return value.contains("T")
        ? OffsetDateTime.parse(value).toInstant()
        : LocalDate.parse(value).atStartOfDay(ZoneId.systemDefault()).toInstant();
  }

  private static Duration unit(String name) {
    return switch (name) {
      case "ms" -> Duration.ofMillis(1);
      case "s" -> Duration.ofSeconds(1);
      case "m" -> Duration.ofMinutes(1);
      case "h" -> Duration.ofHours(1);
      default -> Duration.ofDays(1);
    };
  }

  private void printFilters(PrintStream out) {
    print(out, "allowlist", allowed);
    print(out, "denylist", denied);
  }

  private static void print(PrintStream out, String name, List<FlowFilter> filters) {
    if (!filters.isEmpty()) {
      out.println(name + ":");
      filters.forEach(each -> out.println("    - '" + json(each) + "'"));
    }
  }

  // ---- what is answered

  private void ask(PrintStream out, PrintStream err) {
    if (!server.startsWith(UNIX)) {
      throw new IllegalArgumentException(server + ": wanted unix://PATH");
    }
    EventLoopGroup loop =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("flows", true), NioIoHandler.newFactory());
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(
                UnixDomainSocketAddress.of(Path.of(server.substring(UNIX.length()))))
            .channelType(NioDomainSocketChannel.class)
            .eventLoopGroup(loop)
            // gRPC sets it also on UNIX sockets, which have no such thing, and Netty warns.
            .withOption(ChannelOption.SO_KEEPALIVE, null)
            .usePlaintext()
            .build();
    try {
      var answers =
          ClientCalls.blockingServerStreamingCall(
              channel, Services.GET_FLOWS, CallOptions.DEFAULT, request.build());
      // Who looks on wants each line; who reads many wants them soon.
      while (!out.checkError() && answers.hasNext()) {
        print(answers.next(), out, err);
      }
    } finally {
      channel.shutdownNow();
      var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }

  private void print(GetFlowsResponse answer, PrintStream out, PrintStream err) {
    if (isJson) {
      out.println(json(answer));
    } else if (answer.hasFlow()) {
      out.println(FlowText.line(answer.getFlow(), isNumeric));
    } else if (answer.hasLostEvents()) {
      err.println("events lost: " + answer.getLostEvents().getNumEventsLost());
    }
  }

  private static String json(MessageOrBuilder message) {
    try {
      return JsonFormat.printer()
          .omittingInsignificantWhitespace()
          .preservingProtoFieldNames()
          .print(message);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a message that is none", e); // Only of an Any field.
    }
  }
}
