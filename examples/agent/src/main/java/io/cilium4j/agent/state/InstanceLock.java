// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.agent.AgentException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a second agent of the same instance out, in this process or another. The kernel drops the
 * lock when its process ends, however it ends, so a crash locks nobody out; the file itself means
 * nothing and may stay.
 */
public final class InstanceLock implements AutoCloseable {

  /** Longest process id that is read back for a message, in bytes. */
  private static final int MAX_PID_BYTES = 20;

  private static final Logger LOG = LoggerFactory.getLogger(InstanceLock.class);

  private final FileChannel channel;

  private InstanceLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @throws AgentException if another agent holds it; the message names its process
   */
  public static InstanceLock take(Path file, String instance) {
    FileChannel channel = open(file);
    try {
      FileLock lock = tryLock(channel);
      if (lock == null) {
        throw new AgentException(
            "instance "
                + instance
                + " is running already"
                + holder(channel)
                + "; its lock is "
                + file);
      }
      note(channel);
      return new InstanceLock(channel);
    } catch (IOException | RuntimeException e) {
      closeQuietly(channel);
      if (e instanceof AgentException known) {
        throw known;
      }
      throw new AgentException("lock " + file + ": " + e.getMessage(), e);
    }
  }

  /** For the message of whoever is kept out; a full disk keeps nobody from the lock. */
  private static void note(FileChannel channel) {
    String pid = Long.toString(ProcessHandle.current().pid());
    try {
      channel.write(ByteBuffer.wrap(pid.getBytes(StandardCharsets.US_ASCII)), 0);
      channel.truncate(pid.length());
    } catch (IOException e) {
      LOG.warn("lock without a process id error=\"{}\"", e.getMessage());
    }
  }

  private static FileChannel open(Path file) {
    try {
      if (!Files.exists(file)) {
        Files.createFile(
            file,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      }
    } catch (java.nio.file.FileAlreadyExistsException _) {
      // Another agent was quicker; the lock itself decides.
    } catch (IOException e) {
      throw new AgentException("create lock " + file + ": " + e.getMessage(), e);
    }
    try {
      return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new AgentException("open lock " + file + ": " + e.getMessage(), e);
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException _) {
      return null; // Another agent of this very process.
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(MAX_PID_BYTES);
    channel.read(text, 0);
    String pid = new String(text.array(), 0, text.position(), StandardCharsets.US_ASCII);
    return pid.matches("[0-9]+") ? " in process " + pid : "";
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException _) {
      // The error that led here is the one to tell.
    }
  }

  @Override
  public void close() {
    // Closing the channel drops the lock.
    closeQuietly(channel);
  }
}
