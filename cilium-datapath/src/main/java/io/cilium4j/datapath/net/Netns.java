// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A network namespace, held open by a descriptor.
 *
 * <p>The kernel keeps the namespace with the <em>thread</em>. What has to run inside runs on a
 * platform thread made for it, which enters as its first act and ends there, so no thread of a pool
 * is left in the wrong network. A socket stays in the namespace it was made in, so most work is:
 * make the socket inside, use it from anywhere. Who makes many sockets {@linkplain #visit visits}.
 *
 * <p>A thread that is <em>started</em> inside is born inside. Code given to {@link #call} must
 * therefore start no thread that others will use: no virtual thread, no common pool, no shared
 * client. Neither may it wake a virtual thread, by a lock, a queue or a future: the JDK may start a
 * carrier for it then and there, which will carry others, too. So nothing of a long-lived program
 * lives inside.
 *
 * <p>Safe for use by several threads.
 */
public final class Netns implements AutoCloseable {

  /** Where {@code ip netns} keeps the names of namespaces. */
  public static final Path DEFAULT_FOLDER = Path.of("/run/netns");

  /** The namespace of the thread that resolves this path. */
  private static final Path OWN = Path.of("/proc/thread-self/ns/net");

  /** {@code NS_GET_NSTYPE} of linux/nsfs.h: which kind of namespace a descriptor stands for. */
  private static final long NS_GET_NSTYPE = 0xb703;

  /** Longest file name of Linux file systems (NAME_MAX). */
  private static final int MAX_NAME_CHARS = 255;

  private final Path path;
  private final String id;

  /** The descriptor, below 0 once closed. Guarded by this, also while the kernel uses it. */
  private int fd;

  private Netns(Path path, String id, int fd) {
    this.path = path;
    this.id = id;
    this.fd = fd;
  }

  /**
   * What is to run inside a namespace.
   *
   * @param <T> what it gives
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Action<T extends @Nullable Object, X extends Exception> {
    T run() throws X;
  }

  /**
   * Makes a namespace with a name, as {@code ip netns add} does; its loopback device is down.
   *
   * @param name a file name
   * @throws SystemCallException EEXIST if the name is taken, EPERM without CAP_SYS_ADMIN
   */
  public static Netns create(String name) {
    share(DEFAULT_FOLDER);
    return create(DEFAULT_FOLDER, name);
  }

  /**
   * Makes a namespace whose name is a file of {@code folder}; the folder is made if it is missing.
   * Needs no more than a user namespace and a mount namespace of one's own.
   */
  public static Netns create(Path folder, String name) {
    checkName(name);
    Path file = folder.resolve(name).toAbsolutePath();
    touch(file);
    try {
      runOnOwnThread(
          "netns-" + name,
          () -> LibC.unshare(LibC.CLONE_NEWNET),
          () -> {
            // The mount keeps the namespace alive when this thread has ended.
            LibC.mount(OWN.toString(), file.toString(), "none", LibC.MS_BIND);
            return file;
          });
      return open(file);
    } catch (RuntimeException | Error e) {
      delete(file);
      throw e;
    }
  }

  /** Opens a namespace by its name, or as {@code /proc/PID/ns/net}. */
  public static Netns open(Path path) {
    int fd = LibC.open(path.toString(), LibC.O_RDONLY | LibC.O_CLOEXEC);
    try {
      // A name whose mount is gone is a plain file: ENOTTY. Entering it would fail much later.
      if (LibC.ioctl(fd, NS_GET_NSTYPE, path + " as a namespace") != LibC.CLONE_NEWNET) {
        throw new SystemCallException(
            "open", path + " as a network namespace: it is of another kind", Errno.EINVAL);
      }
      return new Netns(path, idOf(Path.of("/proc/self/fd/" + fd)), fd);
    } catch (RuntimeException | Error e) {
      LibC.close(fd);
      throw e;
    }
  }

  /** Opens the namespace of the calling thread. */
  public static Netns current() {
    return open(OWN);
  }

  /** The {@link #id} of the calling thread's namespace. */
  public static String currentId() {
    return idOf(OWN);
  }

  /** Whether a network namespace can be opened at a path; a stale name is none. */
  public static boolean exists(Path path) {
    try (Netns _ = open(path)) {
      return true;
    } catch (SystemCallException e) {
      return switch (e.errno()) {
        case Errno.ENOENT, Errno.ENOTTY -> false;
        default -> throw e;
      };
    }
  }

  /**
   * Removes a name. The namespace itself ends with its last thread, socket and descriptor. Only a
   * name is removed: another mount or a file that holds something is left alone.
   *
   * @return whether there was such a name
   */
  public static boolean delete(Path path) {
    if (exists(path)) {
      LibC.umount(path.toString(), LibC.MNT_DETACH);
    }
    // What is left is the empty file below the mount, also if a creation was cut short.
    try {
      BasicFileAttributes file =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!file.isRegularFile() || file.size() != 0) {
        throw new SystemCallException("delete namespace name", path.toString(), Errno.EINVAL);
      }
      return Files.deleteIfExists(path);
    } catch (NoSuchFileException _) {
      return false;
    } catch (IOException e) {
      throw new NetException("delete namespace name " + path, e);
    }
  }

  /** The path it was opened by. */
  public Path path() {
    return path;
  }

  /** The kernel's name for it, {@code net:[INODE]}: equal for all descriptors of one namespace. */
  public String id() {
    return id;
  }

  /**
   * Runs an action inside, on a thread of its own, and waits for it. An interrupt is passed on to
   * the action.
   *
   * @throws X what the action threw
   */
  public <T extends @Nullable Object, X extends Exception> T call(Action<T, X> action) throws X {
    return runOnOwnThread("netns-" + path.getFileName(), this::enter, action);
  }

  /**
   * Makes a socket inside, on the calling thread, which leaves again. Takes some microseconds,
   * where {@link #call} takes a thread.
   *
   * @param socket makes it, and does nothing else
   * @throws IllegalStateException on a virtual thread: its carrier would be moved, and others with
   *     it
   */
  public <S> S visit(Supplier<S> socket) {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("a virtual thread cannot visit " + path);
    }
    try (Netns home = current()) {
      enter();
      try {
        return socket.get();
      } finally {
        home.enter();
      }
    }
  }

  /** Closes the descriptor; what lives inside goes on. */
  @Override
  public synchronized void close() {
    if (fd >= 0) {
      int open = fd;
      fd = -1;
      LibC.close(open);
    }
  }

  @Override
  public String toString() {
    return path + " " + id;
  }

  /** Work with a descriptor that cannot be closed meanwhile. */
  @FunctionalInterface
  interface DescriptorWork {
    void accept(int fd);
  }

  /** Lends the descriptor, for requests that name a namespace by it. */
  synchronized void withDescriptor(DescriptorWork work) {
    if (fd < 0) {
      throw new IllegalStateException("namespace " + path + " is closed");
    }
    work.accept(fd);
  }

  private void enter() {
    withDescriptor(open -> LibC.setns(open, LibC.CLONE_NEWNET, toString()));
  }

  /** What an action gave or threw; written by its thread, read after that thread has ended. */
  private static final class Outcome<T> {
    @Nullable T value;
    @Nullable Throwable failure;
  }

  @SuppressWarnings({"unchecked", "NullAway"}) // An Action<T, X> gives a T or throws an X.
  private static <T extends @Nullable Object, X extends Exception> T runOnOwnThread(
      String name, Runnable enter, Action<T, X> action) throws X {
    var outcome = new Outcome<T>();
    Thread thread =
        Thread.ofPlatform()
            .name(name)
            .daemon()
            .start(() -> {
              try {
                enter.run();
                outcome.value = action.run();
              } catch (Throwable t) {
                outcome.failure = t;
              }
            });
    await(thread);
    Throwable failure = outcome.failure;
    if (failure == null) {
      return outcome.value;
    }
    if (failure instanceof Error error) {
      throw error;
    }
    // A RuntimeException, or the X that the action may throw.
    throw (X) failure;
  }

  /** Waits for the end of a thread; never leaves it behind. */
  private static void await(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException _) {
        interrupted = true;
        thread.interrupt();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Makes a folder a mount of its own whose changes reach other mount namespaces, as {@code ip
   * netns} does, so that a container which was given the folder sees later names too.
   */
  private static void share(Path folder) {
    makeFolder(folder);
    String target = folder.toString();
    try {
      LibC.mount("", target, "none", LibC.MS_SHARED | LibC.MS_REC);
    } catch (SystemCallException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      // Not a mount yet: bind it to itself first.
      LibC.mount(target, target, "none", LibC.MS_BIND | LibC.MS_REC);
      LibC.mount("", target, "none", LibC.MS_SHARED | LibC.MS_REC);
    }
  }

  private static void checkName(String name) {
    if (name.isEmpty()
        || name.length() > MAX_NAME_CHARS
        || name.equals(".")
        || name.equals("..")
        || name.indexOf('/') >= 0
        || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("namespace name \"" + name + "\": wanted a file name");
    }
  }

  private static void makeFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new NetException("make folder " + folder + " for namespace names", e);
    }
  }

  private static void touch(Path file) {
    if (file.getParent() != null) {
      makeFolder(file.getParent());
    }
    try {
      Files.createFile(file);
    } catch (FileAlreadyExistsException _) {
      throw new SystemCallException("create namespace", file.toString(), Errno.EEXIST);
    } catch (IOException e) {
      throw new NetException("create namespace name " + file, e);
    }
  }

  /** A namespace is a file of its own file system; its inode number is what the kernel shows. */
  private static String idOf(Path file) {
    try {
      return "net:[" + Files.getAttribute(file, "unix:ino") + "]";
    } catch (IOException e) {
      throw new NetException("read " + file, e);
    }
  }
}
