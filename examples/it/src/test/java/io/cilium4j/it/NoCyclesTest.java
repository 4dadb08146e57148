// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Classes of different files that need each other can only be read, changed and tested at once. */
class NoCyclesTest {
  private static final Pattern DESCRIPTOR = Pattern.compile("L([\\w/$]+);");

  @ParameterizedTest
  @ValueSource(strings = {"../cli", "../agent"})
  void classes_ofDifferentFiles_needEachOtherInOneDirectionOnly(String module) throws IOException {
    Map<String, Set<String>> needs = needs(Path.of(module, "target/classes"));
    int count = needs.values().stream().mapToInt(Set::size).sum();
    assertTrue(count > needs.size(), "needs were found: " + needs);
    assertEquals(List.of(), cycles(needs));
  }

  @Test
  void cycles_thatAreThere_areFound() {
    assertEquals(
        List.of(Set.of("b", "c", "d"), Set.of("f", "g")),
        cycles(
            Map.of(
                "a", Set.of("b"),
                "b", Set.of("c"),
                "c", Set.of("d", "e"),
                "d", Set.of("b"),
                "e", Set.of(),
                "f", Set.of("a", "g"),
                "g", Set.of("f"))));
  }

  /** Each class of a module, nested ones as parts of their files, and its needs within it. */
  private static Map<String, Set<String>> needs(Path classes) throws IOException {
    Map<String, Set<String>> needs = new TreeMap<>();
    try (ModuleReader reader = ModuleFinder.of(classes).findAll().iterator().next().open()) {
      for (String file : reader.list().filter(NoCyclesTest::isClass).toList()) {
        String name = fileOf(file.substring(0, file.length() - ".class".length()));
        needs.computeIfAbsent(name, _ -> new TreeSet<>()).addAll(references(reader, file));
      }
    }
    needs.forEach((name, others) -> {
      others.retainAll(needs.keySet());
      others.remove(name);
    });
    return needs;
  }

  private static boolean isClass(String file) {
    return file.endsWith(".class") && !file.endsWith("-info.class");
  }

  private static Set<String> references(ModuleReader reader, String file) throws IOException {
    ClassModel model;
    try (var in = reader.open(file).orElseThrow()) {
      model = ClassFile.of().parse(in.readAllBytes());
    }
    Set<String> found = new TreeSet<>();
    for (var entry : model.constantPool()) {
      if (entry instanceof ClassEntry type) {
        found.add(fileOf(type.asInternalName()));
      } else if (entry instanceof Utf8Entry text) {
        DESCRIPTOR
            .matcher(text.stringValue())
            .results()
            .map(m -> fileOf(m.group(1)))
            .forEach(found::add);
      }
    }
    return found;
  }

  private static String fileOf(String type) {
    int nested = type.indexOf('$');
    return nested < 0 ? type : type.substring(0, nested);
  }

  /** The strongly connected components of more than one class, by Tarjan's algorithm. */
  private static List<Set<String>> cycles(Map<String, Set<String>> needs) {
    return new Components(needs).found;
  }

  private static final class Components {
    private final Map<String, Set<String>> needs;
    private final Map<String, Integer> index = new HashMap<>();
    private final Map<String, Integer> lowest = new HashMap<>();
    private final Deque<String> open = new ArrayDeque<>();
    final List<Set<String>> found = new ArrayList<>();

    Components(Map<String, Set<String>> needs) {
      this.needs = needs;
      needs.keySet().stream().sorted().forEach(this::visit);
    }

    private void visit(String name) {
      if (index.containsKey(name)) {
        return;
      }
      index.put(name, index.size());
      lowest.put(name, index.get(name));
      open.push(name);
      for (String other : needs.getOrDefault(name, Set.of())) {
        visit(other);
        if (open.contains(other)) {
          lowest.merge(name, lowest.getOrDefault(other, 0), Math::min);
        }
      }
      if (lowest.getOrDefault(name, 0).equals(index.get(name))) {
        Set<String> component = new TreeSet<>();
        do {
          component.add(open.peek());
        } while (!open.pop().equals(name));
        if (component.size() > 1) {
          found.add(component);
        }
      }
    }
  }
}
