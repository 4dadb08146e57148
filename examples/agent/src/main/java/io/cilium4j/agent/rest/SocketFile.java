// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A UNIX socket of the agent in the file system: who may open it (see {@link Access}), and what
 * becomes of one that a crash left. Until its mode is set nobody but its owner can connect, since
 * that takes the right to write.
 *
 * <pre>
 *   prepare()  →  somebody binds path()  →  open()  →  remove()
 * </pre>
 */
public final class SocketFile {
  private static final Logger LOG = LoggerFactory.getLogger(SocketFile.class);

  /** Whose members may speak with the agent, where the machine has such a group. */
  private static final String GROUP = "cilium";

  /** Who may connect. */
  public enum Access {
    /** The owner and the group {@code cilium}. */
    GROUP("rw-rw----"),
    /** The owner alone. */
    OWNER("rw-------");

    private final String mode;

    Access(String mode) {
      this.mode = mode;
    }
  }

  /** Longest path that the kernel takes for a socket, in bytes (sun_path without its last 0). */
  private static final int MAX_PATH_BYTES = 107;

  /** The bits of a mode that say what kind of file it is, and those of a socket (stat(2)). */
  private static final int FILE_TYPE = 0170000;

  private static final int SOCKET_TYPE = 0140000;

  /** The kernel's word for ECONNREFUSED, which the JDK gives no exception of its own here. */
  private static final String REFUSED = "Connection refused";

  private final Path path;
  private final Access access;

  /** What tells our socket from another one of its name; null before it is there. */
  private @Nullable Object key;

  /** A socket for the group; nothing is touched yet. */
  public SocketFile(Path path) {
    this(path, Access.GROUP);
  }

  /** Nothing is touched yet. */
  public SocketFile(Path path, Access access) {
    this.path = path.toAbsolutePath();
    this.access = access;
  }

  /** Where it is, as an absolute path. */
  public Path path() {
    return path;
  }

  /**
   * Makes room for the socket: its folder is there afterwards, and nothing of its name.
   *
   * @throws IOException if somebody listens there, or something else than a socket is in the way
   */
  public void prepare() throws IOException {
    if (path.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8).length > MAX_PATH_BYTES) {
      throw new IOException("socket " + path + ": its path is longer than " + MAX_PATH_BYTES);
    }
    Files.createDirectories(Objects.requireNonNull(path.getParent()));
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!isSocket()) {
      throw new IOException("socket " + path + ": something else is in its place");
    }
    requireStale();
    Files.deleteIfExists(path);
    LOG.info("stale socket removed path={}", path);
  }

  private boolean isSocket() throws IOException {
    Object mode = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    return mode instanceof Integer bits && (bits & FILE_TYPE) == SOCKET_TYPE;
  }

  /**
   * A socket that a process left when it ended refuses every connection; any other answer, also
   * that it is of another kind or that too many wait there, means that somebody has it.
   */
  private void requireStale() throws IOException {
    try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.configureBlocking(false);
      var _ = channel.connect(UnixDomainSocketAddress.of(path));
    } catch (IOException e) {
      if (String.valueOf(e.getMessage()).contains(REFUSED)) {
        return;
      }
      throw new IOException("socket " + path + ": somebody has it: " + e.getMessage(), e);
    }
    throw new IOException("socket " + path + ": another agent listens there");
  }

  private BasicFileAttributes attributes() throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Lets those in who may; called once the socket is bound.
   *
   * @throws IOException if its mode cannot be set
   */
  public void open() throws IOException {
    key = attributes().fileKey();
    var view =
        Objects.requireNonNull(
            Files.getFileAttributeView(path, PosixFileAttributeView.class),
            "a file system without permissions");
    if (access == Access.GROUP) {
      giveToGroup(view);
    }
    view.setPermissions(PosixFilePermissions.fromString(access.mode));
  }

  private void giveToGroup(PosixFileAttributeView view) {
    try {
      GroupPrincipal group =
          path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(GROUP);
      view.setGroup(group);
    } catch (UserPrincipalNotFoundException _) {
      LOG.debug("no group for the socket group={}", GROUP);
    } catch (IOException e) {
      // Who is not root may have no right to do so; his own group is as good.
      LOG.info("socket stays in its group path={} error=\"{}\"", path, e.toString());
    }
  }

  /** Removes the socket, unless another one is in its place by now. */
  public void remove() {
    try {
      if (key != null && key.equals(attributes().fileKey())) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      LOG.debug("socket not removed path={} error=\"{}\"", path, e.toString());
    }
  }
}
