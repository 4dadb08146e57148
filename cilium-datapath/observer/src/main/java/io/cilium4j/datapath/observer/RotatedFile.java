// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * A file of lines that is put aside when it is full. {@code flows.log} becomes {@code
 * flows-2026-01-02T03-04-05.678.log}, as rotated logs of Cilium are called, and {@code .gz} behind
 * that where it is compressed. The standard output is written as it is. For one thread.
 */
final class RotatedFile implements AutoCloseable {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH-mm-ss.SSS").withZone(ZoneOffset.UTC);

  /** What stands for a time in the names of files that were put aside. */
  private static final String TIME_PATTERN =
      "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}\\.[0-9]{3}";

  private static final String COMPRESSED = ".gz";

  /** No file to put aside, to truncate, or to open by this name, by which no socket can be. */
  private static final Path STANDARD_OUTPUT = Path.of("/dev/stdout");

  private final ExportConfig config;
  private final Clock clock;
  private OutputStream out;
  private long bytes;

  /** How much of the file is whole lines that were written out. */
  private long flushed;

  /**
   * Opens the file, to write behind what is there.
   *
   * @throws IOException if it cannot
   */
  RotatedFile(ExportConfig config, Clock clock) throws IOException {
    this.config = config;
    this.clock = clock;
    this.out = open();
  }

  private OutputStream open() throws IOException {
    Path file = config.file();
    OutputStream opened =
        new BufferedOutputStream(
            file.equals(STANDARD_OUTPUT)
                ? new StandardOutput()
                : stream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
    bytes = isFile() ? Files.size(file) : 0;
    flushed = bytes;
    return opened;
  }

  /** Whether it can be put aside: other files, such as pipes, are only written to. */
  private boolean isFile() {
    return !config.file().equals(STANDARD_OUTPUT) && Files.isRegularFile(config.file());
  }

  /** The standard output, which stays open for what else the program has to say. */
  private static final class StandardOutput extends FileOutputStream {
    StandardOutput() {
      super(FileDescriptor.out);
    }

    @Override
    public void close() {}
  }

  /** For its user alone: who speaks to whom is nobody else's to read. */
  private static OutputStream stream(Path file, OpenOption... options) throws IOException {
    Set<PosixFilePermission> own = PosixFilePermissions.fromString("rw-------");
    return Channels.newOutputStream(
        Files.newByteChannel(file, Set.of(options), PosixFilePermissions.asFileAttribute(own)));
  }

  /** Writes a line with its end, into a new file if it does not fit. */
  void write(byte[] line) throws IOException {
    boolean isFull = config.maxBytes() > 0 && bytes > 0 && bytes + line.length > config.maxBytes();
    if (isFull && isFile()) {
      rotate();
    }
    out.write(line);
    bytes += line.length;
  }

  void flush() throws IOException {
    out.flush();
    flushed = bytes;
  }

  /** Opens the file anew after an error, without what was written since the last flush. */
  void reopen() throws IOException {
    try {
      out.close();
    } catch (IOException _) {
      // What it holds back cannot be written.
    }
    Path file = config.file();
    if (isFile() && Files.size(file) > flushed) {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(flushed);
      }
    }
    out = open();
  }

  private void rotate() throws IOException {
    out.close();
    Path aside = aside();
    Files.move(config.file(), aside, StandardCopyOption.ATOMIC_MOVE);
    out = open();
    if (config.compress()) {
      compress(aside);
    }
    List<Path> all = backups();
    if (config.backups() > 0 && all.size() > config.backups()) {
      for (Path each : all.subList(0, all.size() - config.backups())) {
        Files.deleteIfExists(each);
      }
    }
  }

  /** A name that nobody has; of two in one millisecond the second waits for the next one. */
  private Path aside() {
    var time = clock.instant();
    Path aside = named(TIME.format(time));
    while (Files.exists(aside) || Files.exists(Path.of(aside + COMPRESSED))) {
      time = time.plusMillis(1);
      aside = named(TIME.format(time));
    }
    return aside;
  }

  private Path named(String time) {
    return config.file().resolveSibling(begin() + "-" + time + end());
  }

  private String name() {
    return config.file().getFileName().toString();
  }

  private String begin() {
    int dot = name().lastIndexOf('.');
    return dot < 0 ? name() : name().substring(0, dot);
  }

  private String end() {
    return name().substring(begin().length());
  }

  private static void compress(Path file) throws IOException {
    Path whole = Path.of(file + COMPRESSED);
    Path part = Path.of(whole + ".new");
    try (OutputStream to =
        new GZIPOutputStream(
            stream(
                part,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING))) {
      Files.copy(file, to);
    }
    Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
    Files.delete(file);
  }

  /** What was put aside, the oldest first. */
  private List<Path> backups() throws IOException {
    String pattern =
        Pattern.quote(begin() + "-") + TIME_PATTERN + Pattern.quote(end()) + "(\\.gz)?";
    Path folder = config.file().toAbsolutePath().getParent();
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(each -> each.getFileName().toString().matches(pattern)).sorted().toList();
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
