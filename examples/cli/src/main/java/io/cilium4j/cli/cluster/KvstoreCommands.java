// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.cluster;

import io.cilium4j.cli.cluster.EtcdClient.Entry;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code cilium kvstore …}: keys of the cluster's store. Which store, the options say; else the
 * agent is asked for its own.
 */
public final class KvstoreCommands implements CommandGroup {
  private static final String ETCD = "etcd";
  private static final String ADDRESS = "etcd.address";
  private static final int MAX_PORT = 65_535;

  private static final Option RECURSIVE =
      new Option("--recursive", "", "all keys with this prefix");
  private static final Option STORE = new Option("--kvstore", "TYPE", "etcd; default: the agent's");
  private static final Option STORE_OPTIONS =
      new Option("--kvstore-opt", "KEY=VALUE…", ADDRESS + "=URL; default: the agent's");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "get", "KEY", "print the value of a key", RECURSIVE, STORE, STORE_OPTIONS, OUTPUT),
        new CommandSpec(
            "set",
            "[KEY]",
            0,
            1,
            "write a key",
            List.of(
                new Option("--key", "KEY", "the key"),
                new Option("--value", "VALUE", "its value"),
                STORE,
                STORE_OPTIONS)),
        new CommandSpec("delete", "KEY", "delete a key", RECURSIVE, STORE, STORE_OPTIONS));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    return switch (command) {
      case "get" -> get(arguments, session);
      case "set" -> set(arguments, session);
      case "delete" -> delete(arguments, session);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static int get(Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    String key = arguments.operand();
    boolean recursive = arguments.has(RECURSIVE.name());
    List<Entry> found = store(arguments, session).get(key, recursive);
    if (recursive) {
      Map<String, Json> values = new LinkedHashMap<>();
      found.forEach(each -> values.put(each.key(), whole(each)));
      return session.show(arguments, new Json.Obj(values), () -> text(found));
    }
    if (found.isEmpty()) {
      throw new CommandException("kvstore get " + key + ": no such key");
    }
    return session.show(arguments, Json.of(found.getFirst().text()), () -> text(found));
  }

  /** As Cilium's command writes it: a value may be any bytes. */
  private static Json whole(Entry entry) {
    return Json.object("Data", Json.of(entry.data()))
        .with("ModRevision", Json.of(entry.modRevision()))
        .with("LeaseID", Json.of(entry.lease()));
  }

  private static String text(List<Entry> entries) {
    var text = new StringBuilder();
    for (Entry each : entries) {
      text.append(TextTable.clean(each.key()))
          .append(" => ")
          .append(TextTable.clean(each.text()))
          .append('\n');
    }
    return text.toString();
  }

  private static int set(Arguments arguments, Session session) throws IOException {
    String key = arguments.find("--key").orElse(arguments.operand());
    if (key.isEmpty()) {
      throw arguments.wrong("no key, wanted --key KEY");
    }
    store(arguments, session).put(key, arguments.need("--value"));
    return 0;
  }

  private static int delete(Arguments arguments, Session session) throws IOException {
    String key = arguments.operand();
    if (key.isEmpty()) {
      // With --recursive it would be all that the store has.
      throw arguments.wrong("an empty key");
    }
    long gone = store(arguments, session).delete(key, arguments.has(RECURSIVE.name()));
    session.console().line(gone + " keys deleted");
    return 0;
  }

  // ---- which store ----

  private static EtcdClient store(Arguments arguments, Session session) throws IOException {
    Map<String, String> options = new LinkedHashMap<>();
    for (String option : arguments.all(STORE_OPTIONS.name())) {
      int equals = option.indexOf('=');
      if (equals < 1) {
        throw arguments.wrong(STORE_OPTIONS.name(), "KEY=VALUE");
      }
      options.put(option.substring(0, equals), option.substring(equals + 1));
    }
    String type = arguments.find(STORE.name()).orElse("");
    if (type.isEmpty() && options.isEmpty()) {
      Json own = session.agent().get("/config").get("status", "kvstoreConfiguration");
      type = own.get("type").text();
      own.get("options").fields().forEach((key, value) -> options.put(key, value.text()));
      if (type.isEmpty()) {
        throw new CommandException(
            "kvstore: the agent has no key-value store; name one with --kvstore-opt "
                + ADDRESS
                + "=URL");
      }
    }
    if (!type.isEmpty() && !type.equals(ETCD)) {
      throw new CommandException("kvstore: unknown type " + type + ", wanted " + ETCD);
    }
    return new EtcdClient(address(options));
  }

  private static URI address(Map<String, String> options) {
    for (String option : options.keySet()) {
      if (!option.equals(ADDRESS)) {
        throw new CommandException("kvstore: option " + option + ": wanted " + ADDRESS);
      }
    }
    String text = options.getOrDefault(ADDRESS, "");
    try {
      URI address = new URI(text);
      if (List.of("http", "https").contains(String.valueOf(address.getScheme()))
          && address.getHost() != null
          && address.getUserInfo() == null
          && address.getPort() <= MAX_PORT) {
        return address;
      }
    } catch (URISyntaxException e) {
      // As below.
    }
    throw new CommandException(
        // Not repeated: a password may stand in it.
        "kvstore: " + ADDRESS + ": wanted http[s]://HOST:PORT, without user and password");
  }
}
