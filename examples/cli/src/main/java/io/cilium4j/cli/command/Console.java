// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** What a command reads from and writes to. Output is buffered: an answer can have many lines. */
public final class Console {
  /** Longest text that a command reads, in bytes. */
  public static final int MAX_INPUT_BYTES = 64 << 20;

  private final InputStream in;
  private final PrintStream out;
  private final PrintStream err;
  private final boolean isTerminal;

  /** One that is no terminal. */
  public Console(InputStream in, PrintStream out, PrintStream err) {
    this(in, out, err, false);
  }

  private Console(InputStream in, PrintStream out, PrintStream err, boolean isTerminal) {
    this.in = in;
    this.out = out;
    this.err = err;
    this.isTerminal = isTerminal;
  }

  /** That of this process. */
  public static Console ofSystem() {
    return new Console(
        System.in, stream(FileDescriptor.out), stream(FileDescriptor.err), outIsTerminal());
  }

  /** The link that the kernel shows for our output costs less than a console's classes. */
  private static boolean outIsTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * A text in a colour, where a person looks at it who did not ask for none (no-color.org).
   *
   * @param code of the colour as ANSI has it: 31 red, 32 green, 33 yellow
   */
  public String coloured(String text, int code) {
    return isTerminal && System.getenv("NO_COLOR") == null
        ? "\033[" + code + "m" + text + "\033[0m"
        : text;
  }

  private static PrintStream stream(FileDescriptor descriptor) {
    var buffered = new BufferedOutputStream(new FileOutputStream(descriptor), 1 << 16);
    return new PrintStream(buffered, false, StandardCharsets.UTF_8);
  }

  /** Writes a text as it is. */
  public void print(String text) {
    out.print(text);
  }

  /** Writes a line. */
  public void line(String text) {
    out.print(text);
    out.print('\n');
  }

  /** Writes a line for people about what went wrong. */
  public void error(String text) {
    err.print("cilium: " + TextTable.cleanLines(text) + "\n");
  }

  /** Asks for a yes; anything else is a no. */
  public boolean confirm(String question) throws IOException {
    print(question + " [y/N] ");
    flush();
    int answer = in.read();
    return answer == 'y' || answer == 'Y';
  }

  /** Brings everything written on its way; false where it could not be written, now or before. */
  public boolean flush() {
    err.flush();
    return !out.checkError();
  }

  /** The whole of the standard input. */
  public String readInput() throws IOException {
    return decode(in.readNBytes(MAX_INPUT_BYTES + 1), "standard input");
  }

  /** The whole of a file; {@code -} is the standard input. */
  public String read(Path file) throws IOException {
    if (file.toString().equals("-")) {
      return readInput();
    }
    if (Files.isDirectory(file)) {
      throw new CommandException(file + ": a folder");
    }
    try (InputStream opened = Files.newInputStream(file)) {
      return decode(opened.readNBytes(MAX_INPUT_BYTES + 1), file.toString());
    } catch (NoSuchFileException | AccessDeniedException e) {
      throw new CommandException(unreadable(file), e);
    }
  }

  /** Why a file cannot be opened: one that may not be looked at is not one that is missing. */
  public static String unreadable(Path file) {
    return file + (Files.notExists(file) ? ": no such file" : ": permission denied");
  }

  private static String decode(byte[] bytes, String source) {
    if (bytes.length > MAX_INPUT_BYTES) {
      throw new CommandException(source + ": more than " + MAX_INPUT_BYTES + " bytes");
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
