// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The programs and Java mean the same by a number, and neither knows one that the other lacks. */
class DropNumbersTest {

  private static final Pattern DEFINE =
      Pattern.compile("^#define\\s+DROP_(\\w+)\\s+(\\d+)\\b", Pattern.MULTILINE);

  @Test
  void constants_ofBothFiles_areTheSameByNameAndNumber() throws Exception {
    Map<String, Integer> programs = new TreeMap<>();
    Matcher define = DEFINE.matcher(Files.readString(Path.of("src/main/bpf/lib/drop.h")));
    while (define.find()) {
      programs.put(define.group(1), Integer.valueOf(define.group(2)));
    }
    Map<String, Integer> java = new TreeMap<>();
    for (var field : DropReason.class.getFields()) {
      if (Modifier.isStatic(field.getModifiers()) && field.getType() == DropReason.class) {
        java.put(field.getName(), ((DropReason) field.get(null)).code());
      }
    }
    assertEquals(programs, java);
    assertEquals(java.size(), DropReason.known().size());
  }
}
