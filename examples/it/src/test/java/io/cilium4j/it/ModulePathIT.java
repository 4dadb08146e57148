// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.lang.module.ResolvedModule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The programs as they are launched, by their packaged jars on the module path. Tests of the
 * programs themselves do not see what this one does: Maven puts on the class path what no module
 * requires.
 */
class ModulePathIT {

  /** Only gRPC's clients go through a proxy, and we are a server. */
  private static final Set<String> NEVER_USED = Set.of("io.netty.handler.proxy");

  /**
   * A jar that no module requires is not there when the program runs, and its classes are missed at
   * their first use. A module without a descriptor cannot say what it needs, so whoever requires it
   * must.
   */
  @ParameterizedTest
  @CsvSource({
    "../agent/daemon, io.cilium4j.daemon",
    "../cli, io.cilium4j.cli",
    "../operator, io.cilium4j.operator"
  })
  void program_onTheModulePath_hasWhatModulesWithoutDescriptorNeed(Path folder, String main)
      throws IOException {
    ModuleFinder jars = ModuleFinder.of(jarOf(folder), folder.resolve("target/lib"));
    Set<String> resolved =
        Configuration.empty()
            .resolveAndBind(jars, ModuleFinder.ofSystem(), Set.of(main))
            .modules()
            .stream()
            .map(ResolvedModule::name)
            .collect(Collectors.toSet());
    assertFalse(jars.findAll().isEmpty());

    Map<String, String> absent = new HashMap<>();
    for (ModuleReference jar : jars.findAll()) {
      String name = jar.descriptor().name();
      if (!resolved.contains(name) && !NEVER_USED.contains(name)) {
        jar.descriptor().packages().forEach(each -> absent.put(each, name));
      }
    }
    Set<String> missed = new TreeSet<>();
    for (ModuleReference jar : jars.findAll()) {
      if (jar.descriptor().isAutomatic() && resolved.contains(jar.descriptor().name())) {
        for (String used : packagesUsedBy(jar)) {
          if (absent.containsKey(used)) {
            missed.add(jar.descriptor().name() + " needs " + absent.get(used));
          }
        }
      }
    }

    assertEquals(Set.of(), missed);
  }

  private static Set<String> packagesUsedBy(ModuleReference jar) throws IOException {
    Set<String> used = new TreeSet<>();
    try (var reader = jar.open();
        Stream<String> names = reader.list()) {
      for (String name : names.filter(each -> each.endsWith(".class")).toList()) {
        byte[] bytes = reader.open(name).orElseThrow().readAllBytes();
        for (PoolEntry entry : ClassFile.of().parse(bytes).constantPool()) {
          if (entry instanceof ClassEntry type && type.asInternalName().contains("/")) {
            String internal = type.asInternalName().replaceFirst("^\\[+L", "");
            used.add(internal.substring(0, internal.lastIndexOf('/')).replace('/', '.'));
          }
        }
      }
    }
    return used;
  }

  private static Path jarOf(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("target"))) {
      return files
          .filter(file -> file.toString().endsWith("-SNAPSHOT.jar"))
          .findFirst()
          .orElseThrow();
    }
  }
}
