// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * One instance's folder in the bpf file system, where its maps and links outlive the process.
 * Nothing outside of the folder is touched.
 *
 * <p>A pin is a name for a kernel object, and holds it as a descriptor does. The file system knows
 * folders and pins and nothing else; it lives in memory, until it is unmounted or the machine goes
 * down. Who can open a pin can change what it stands for, hence the folder's mode.
 */
public final class BpfFs {

  /** Where the kernel's documents and other tools expect the bpf file system. */
  public static final Path DEFAULT_MOUNT = Path.of("/sys/fs/bpf");

  /** 0700: for the owner alone. */
  private static final Set<PosixFilePermission> PRIVATE =
      Set.copyOf(PosixFilePermissions.fromString("rwx------"));

  private final Path folder;

  private BpfFs(Path folder) {
    this.folder = folder;
  }

  /**
   * The folder {@code instance} of the bpf file system at {@link #DEFAULT_MOUNT}: mounts the file
   * system where it is missing, and creates the folder for this user alone.
   */
  public static BpfFs open(String instance) {
    return open(DEFAULT_MOUNT, instance);
  }

  /** The same at another mount point. */
  public static BpfFs open(Path mount, String instance) {
    ensureMounted(mount);
    BpfFs fs = new BpfFs(mount.resolve(checkName(instance)));
    createPrivate(fs.folder);
    return fs;
  }

  /** The instance's folder. */
  public Path folder() {
    return folder;
  }

  /** Where an object called {@code name} is, or would be, pinned. */
  public Path pin(String name) {
    return folder.resolve(checkName(name));
  }

  /** A folder within this one, created when missing. */
  public BpfFs subfolder(String name) {
    BpfFs fs = new BpfFs(pin(name));
    createPrivate(fs.folder);
    return fs;
  }

  /** Makes the folder again, for this user alone, where somebody removed it. */
  public void ensure() {
    createPrivate(folder);
  }

  /** What stands in this folder, pins and subfolders, sorted. */
  public List<Path> list() {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list the pins in " + folder, e);
    }
  }

  /**
   * Removes one pin or one empty subfolder; {@code false} when it was not there. The object goes
   * when nothing else holds it: a pinned link detaches.
   */
  public boolean remove(String name) {
    try {
      return Files.deleteIfExists(pin(name));
    } catch (DirectoryNotEmptyException e) {
      throw new IllegalStateException(pin(name) + " is a folder with pins in it", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove the pin " + pin(name), e);
    }
  }

  /** Gives a pin another name, in one step; what was pinned under that name is so no more. */
  public void rename(String name, String to) {
    try {
      Files.move(pin(name), pin(to), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot rename the pin " + pin(name) + " to " + to, e);
    }
  }

  /** Removes this folder when it is empty; {@code false} when it is not, or not there. */
  public boolean removeIfEmpty() {
    try {
      return Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove the folder " + folder, e);
    }
  }

  /** The kernel refuses names with a dot (EPERM), which reads like a missing capability. */
  private static String checkName(String name) {
    if (name.isEmpty() || name.indexOf('.') >= 0 || name.indexOf('/') >= 0 || name.length() > 255) {
      throw new IllegalArgumentException("no name for a pin: '" + name + "'");
    }
    return name;
  }

  /** Creates a folder for this user alone, or sees that the one that is there is. */
  private static void createPrivate(Path folder) {
    try {
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PRIVATE));
    } catch (FileAlreadyExistsException e) {
      checkOurs(folder);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot create the folder " + folder, e);
    }
  }

  /** Who else can write to the folder can give us maps and programs of their making. */
  private static void checkOurs(Path folder) {
    try {
      if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
        throw new IllegalStateException(folder + " is a pin, not a folder");
      }
      Object owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
      if (!owner.equals(self)) {
        throw new IllegalStateException(folder + " belongs to user " + owner + ", not to " + self);
      }
      Files.setPosixFilePermissions(folder, PRIVATE);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot check the folder " + folder, e);
    }
  }

  /**
   * Mounts a bpf file system unless one is there; needs CAP_SYS_ADMIN, a mount point, and no more.
   */
  private static void ensureMounted(Path mount) {
    if (isMounted(mount)) {
      return;
    }
    try {
      // Without a mode the root is writable for all, who could then take our folder's name.
      LibC.mount("bpf", mount.toString(), "bpf", 0, "mode=0700");
    } catch (SystemCallException e) {
      if (e.errno() != Errno.EBUSY || !isMounted(mount)) { // busy: another process was quicker
        throw e;
      }
    }
  }

  /** Whether the topmost mount at {@code mount} is a bpf file system, as this process sees it. */
  private static boolean isMounted(Path mount) {
    Path mounts = Path.of("/proc/self/mounts");
    try {
      return isBpf(mount, Files.readAllLines(mounts, StandardCharsets.ISO_8859_1));
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + mounts, e);
    }
  }

  /** Lines of proc_mounts(5): device, mount point, type, options; a later one covers an earlier. */
  static boolean isBpf(Path mount, List<String> mounts) {
    boolean bpf = false;
    for (String line : mounts) {
      String[] fields = line.split(" ", -1);
      if (fields.length > 2 && fields[1].equals(mount.toString())) {
        bpf = fields[2].equals("bpf");
      }
    }
    return bpf;
  }
}
