// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.Protocol;
import io.cilium4j.datapath.ebpf.MapDump;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The kernel's maps, with what a command was asked and where it answers. */
abstract class MapTables {
  /** The maps. */
  final MapDump maps;

  final Arguments arguments;
  final Session session;

  MapTables(String instance, Arguments arguments, Session session) {
    this.maps = MapDump.of(instance);
    this.arguments = arguments;
    this.session = session;
    if (!Files.isDirectory(maps.folder())) {
      throw new CommandException(
          maps.folder() + ": no maps are pinned there; choose another instance with --instance");
    }
  }

  int show(List<Json> rows, TextTable table) {
    return session.show(arguments, new Json.Arr(rows), table::toString);
  }

  /** Scripts read a map of key and value as an object: to each key the list of its values. */
  int show(Map<String, Json> rows, TextTable table) {
    return session.show(arguments, new Json.Obj(rows), table::toString);
  }

  /** The number of an endpoint that somebody asked for. */
  int endpointNumber(String text) {
    if (!text.matches("[0-9]{1,5}") || text.matches("0+")) {
      throw arguments.wrong("endpoint " + text + ": wanted its number");
    }
    return Integer.parseInt(text);
  }

  /** A protocol's name in capitals; its number if it has none. */
  static String protocol(int number) {
    return Protocol.ofNumber(number)
        .map(known -> known.toString().toUpperCase(Locale.ROOT))
        .orElse(Integer.toString(number));
  }

  /** A word with a capital first. */
  static String title(String word) {
    String lower = word.toLowerCase(Locale.ROOT);
    return lower.isEmpty() ? "" : Character.toUpperCase(lower.charAt(0)) + lower.substring(1);
  }
}
