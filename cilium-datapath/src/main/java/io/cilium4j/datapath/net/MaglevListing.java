// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.service.Backend;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads Maglev tables from a table of node ports as the program {@code nft} shows it.
 *
 * <pre>
 *   map m0123456789abcdef_tcp {
 *     typeof numgen inc mod 2 : ip daddr . tcp dport
 *     flags constant
 *     elements = { 0 : 10.0.1.5 . 8080, 1 : 10.0.2.5 . 8080,
 *                  … }
 *   }
 *   chain f7 {
 *     dnat ip to jhash ip saddr . tcp sport mod 1021 seed 0x… map @m0123456789abcdef_tcp
 *   }
 * </pre>
 */
final class MaglevListing {
  private static final Pattern BEGIN = Pattern.compile("\\s*(map|chain) (\\S+) \\{");
  private static final Pattern SLOT = Pattern.compile("(\\d+) : ([0-9a-f.:]+) \\. (\\d+)");
  private static final Pattern USE = Pattern.compile("map @(m[0-9a-f]{16}_[a-z]+)$");
  private static final Pattern FRONTEND = Pattern.compile("f(\\d{1,5})");

  private MaglevListing() {}

  /** The backend of each slot, by the number of a frontend that chooses by such a table. */
  static SortedMap<Integer, List<Backend>> read(String text) {
    Map<String, SortedMap<Integer, Backend>> tables = new HashMap<>();
    SortedMap<Integer, String> uses = new TreeMap<>();
    String part = "";
    for (String line : text.lines().toList()) {
      Matcher begin = BEGIN.matcher(line);
      Matcher use = USE.matcher(line);
      Matcher frontend = FRONTEND.matcher(part);
      if (begin.matches()) {
        part = begin.group(2);
      } else if (frontend.matches() && use.find()) {
        uses.put(Integer.parseInt(frontend.group(1)), use.group(1));
      } else if (!frontend.matches()) {
        SortedMap<Integer, Backend> slots = tables.computeIfAbsent(part, _ -> new TreeMap<>());
        SLOT.matcher(line)
            .results()
            .forEach(slot ->
                slots.put(
                    Integer.parseInt(slot.group(1)),
                    Backend.active(
                        IpAddress.parse(slot.group(2)), Integer.parseInt(slot.group(3)))));
      }
    }
    SortedMap<Integer, List<Backend>> all = new TreeMap<>();
    uses.forEach((number, table) ->
        all.put(number, new ArrayList<>(tables.getOrDefault(table, new TreeMap<>()).values())));
    return all;
  }
}
