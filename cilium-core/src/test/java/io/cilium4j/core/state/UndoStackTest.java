// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is closed and taken back, in which order. */
class UndoStackTest {
  private final List<String> done = new ArrayList<>();
  private final UndoStack stack = new UndoStack();

  private AutoCloseable step(String name) {
    return () -> done.add(name);
  }

  private AutoCloseable failing(String name) {
    return () -> {
      done.add(name);
      throw new IOException(name);
    };
  }

  @Test
  void close_closesLastFirstAndTakesNothingBack() {
    stack.add(step("a"));
    stack.ifFailed(step("undo a"));
    stack.add(failing("b"));
    stack.add(step("c"));
    stack.close();
    assertEquals(List.of("c", "b", "a"), done);
    stack.undo(new IllegalStateException());
    assertEquals(3, done.size(), "each once");
  }

  @Test
  void undo_takesEverythingBackAndTellsWhatFailed() {
    var cause = new IllegalStateException("half way");
    stack.add(step("a"));
    stack.ifFailed(failing("undo a"));
    stack.add(step("b"));
    stack.undo(cause);
    assertEquals(List.of("b", "undo a", "a"), done);
    assertEquals("undo a", cause.getSuppressed()[0].getMessage());
    stack.close();
    assertEquals(3, done.size(), "each once");
  }
}
