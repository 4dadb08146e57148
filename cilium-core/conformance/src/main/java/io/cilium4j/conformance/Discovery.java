// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Function;

/** Whether implementations are found by the name under which configuration asks for them. */
final class Discovery {
  private Discovery() {}

  /**
   * Asserts that of all that is installed exactly this implementation has its name.
   *
   * @param loader of the seam; on the class path its jar needs {@code META-INF/services}, on the
   *     module path its module has to provide it
   */
  static <S> void assertFound(
      ServiceLoader<S> loader, Function<S, String> nameOf, S implementation) {
    String name = nameOf.apply(implementation);
    assertFalse(name.isBlank(), "an implementation needs a name");
    List<String> found =
        loader.stream()
            .map(ServiceLoader.Provider::get)
            .filter(each -> nameOf.apply(each).equals(name))
            .map(each -> each.getClass().getName())
            .toList();
    assertEquals(List.of(implementation.getClass().getName()), found, "found by name " + name);
  }
}
