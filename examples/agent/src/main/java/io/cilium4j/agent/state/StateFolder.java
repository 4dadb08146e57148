// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import io.cilium4j.agent.AgentException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder in which an instance keeps what must outlive its process, readable by its own user
 * alone (folders 0700, files 0600).
 *
 * <pre>
 *   FOLDER/lock               held while the agent runs
 *   FOLDER/endpoints/ID.json  one file an endpoint
 *   FOLDER/specs/NAME/ID.json one file a service, recorder, address without endpoint, …
 *   FOLDER/recordings/        packets that clients asked to be recorded
 *   FOLDER/given-rules.json   the rules that users gave by hand, with a .copy
 *   FOLDER/program-policies.json  what the embedding program applied, with a .copy
 *   FOLDER/manifests.json     the manifests as they were last good
 *   FOLDER/policies.json      the policy objects that were accepted last
 *   FOLDER/dns-names.json     what endpoints were told for DNS names, with a .log
 *   FOLDER/service-numbers.json  the numbers of Kubernetes' frontends
 *   FOLDER/datapath-name      which datapath enforces
 *   FOLDER/datapath/          the datapath's own: its manifest
 *   FOLDER/cni-installed      where the daemon put the CNI plugin
 * </pre>
 *
 * <p>A file is written beside its place, flushed to the disk and then renamed, so that a crash at
 * any moment leaves the old content or the new one, never a part.
 */
public final class StateFolder {
  private static final Logger LOG = LoggerFactory.getLogger(StateFolder.class);

  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /**
   * Largest file of the cluster's objects: of 10,000 manifests of the usual size it takes a tenth.
   */
  private static final long MAX_OBJECTS_BYTES = 256L << 20;

  /** Largest file of rules and policies that users gave: some times what the API takes at once. */
  private static final long MAX_RULES_BYTES = 16L << 20;

  /** Largest file of numbers: some 200,000 prefixes. */
  private static final long MAX_IDENTITIES_BYTES = 32L << 20;

  /** Largest file of DNS names: 100,000 of the usual size take a third. */
  private static final long MAX_NAMES_BYTES = 64L << 20;

  /** Most that is written of DNS names until they are kept as a whole: a hundred thousand. */
  private static final long MAX_JOURNAL_BYTES = 16L << 20;

  /** Largest file of services' numbers: each of the 65,535 takes some 60 bytes. */
  private static final long MAX_NUMBERS_BYTES = 8L << 20;

  /** Largest file of options: a line each. */
  private static final long MAX_OPTIONS_BYTES = 1 << 16;

  /** With the line's end, so that a part of a name is none. */
  private static final Pattern DATAPATH_NAME = Pattern.compile("([a-z][-a-z0-9]{0,30})\\n");

  /** What the list of a datapath's devices is called behind the datapath's name. */
  private static final String DEVICES = "-devices";

  private final Path root;

  public StateFolder(Path root) {
    this.root = root.toAbsolutePath();
  }

  public Path root() {
    return root;
  }

  public Path lock() {
    return root.resolve("lock");
  }

  public Path datapath() {
    return root.resolve("datapath");
  }

  public Path endpoints() {
    return root.resolve("endpoints");
  }

  /** Whether there are endpoints of an earlier run, which the kernel protects until it is told. */
  boolean hasEndpoints() {
    return !AtomicFiles.list(endpoints(), ".json").isEmpty();
  }

  /** The rules that users gave by hand. */
  public FolderFile apiRules() {
    return new FolderFile(root.resolve("given-rules.json"), MAX_RULES_BYTES, () -> false);
  }

  /** Policies that the embedding program applied. */
  public FolderFile programPolicies() {
    return new FolderFile(root.resolve("program-policies.json"), MAX_RULES_BYTES, () -> false);
  }

  /** What the source of Kubernetes objects must know again. */
  public FolderFile manifests() {
    return new FolderFile(root.resolve("manifests.json"), MAX_OBJECTS_BYTES, this::hasEndpoints);
  }

  /** The policy objects that were accepted last. */
  public FolderFile policies() {
    return new FolderFile(root.resolve("policies.json"), MAX_OBJECTS_BYTES, this::hasEndpoints);
  }

  /** The numbers of prefixes and names. */
  public FolderFile localIdentities() {
    return new FolderFile(root.resolve("local-identities.json"), MAX_IDENTITIES_BYTES, () -> false);
  }

  /** The node's own options as an endpoint. */
  public FolderFile hostOptions() {
    return new FolderFile(root.resolve("host-options"), MAX_OPTIONS_BYTES, () -> false);
  }

  /** The numbers of Kubernetes' frontends. */
  public FolderFile serviceNumbers() {
    return new FolderFile(root.resolve("service-numbers.json"), MAX_NUMBERS_BYTES, () -> false);
  }

  /** What endpoints were told for DNS names. */
  public FolderFile dnsNames() {
    return new FolderFile(root.resolve("dns-names.json"), MAX_NAMES_BYTES, () -> false);
  }

  /** What changed of that since it was written; removed with it, by its name. */
  public JournalFile dnsNamesJournal() {
    return new JournalFile(root.resolve("dns-names.json.log"), MAX_JOURNAL_BYTES);
  }

  /** The folder of a table of what users asked for. */
  public Path specs(String name) {
    return specs().resolve(name);
  }

  /** Recordings of packets, two files each at most. */
  public Path recordings() {
    return root.resolve("recordings");
  }

  private Path specs() {
    return root.resolve("specs");
  }

  /**
   * Files of rows that users or other programs gave, and of endpoints, that this or an earlier run
   * could not read: what they said is lost. Each stays until somebody removes it.
   */
  public List<Path> lost() {
    return Stream.of(
            AtomicFiles.list(endpoints(), AtomicFiles.DAMAGED).stream(),
            lostSpecs().stream(),
            Stream.of(apiRules(), programPolicies())
                .map(FolderFile::copy)
                .flatMap(copy -> copy.aside().map(Path::of).stream()))
        .flatMap(each -> each)
        .toList();
  }

  /** Those of them that hold a service, a recorder, an address without endpoint, …. */
  public List<Path> lostSpecs() {
    return AtomicFiles.list(specs(), "").stream()
        .filter(Files::isDirectory)
        .flatMap(table -> AtomicFiles.list(table, AtomicFiles.DAMAGED).stream())
        .toList();
  }

  /** Whether an earlier run used a datapath, whether its name can be read or not. */
  public boolean hasDatapath() {
    return Files.exists(datapathNameFile());
  }

  /**
   * The name of the datapath that an earlier run used; absent if none did, or if nothing says
   * which. Where the file is damaged, the one that left a list of devices is it.
   *
   * @param isKnown whether there is a datapath of a name; a file that says another is damaged
   */
  public Optional<String> datapathName(Predicate<String> isKnown) {
    String problem;
    try {
      Matcher name =
          DATAPATH_NAME.matcher(
              new String(AtomicFiles.read(datapathNameFile()), StandardCharsets.UTF_8));
      if (name.matches() && isKnown.test(name.group(1))) {
        return Optional.of(name.group(1));
      }
      problem = "no name of a datapath";
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException e) {
      problem = AtomicFiles.reason(e);
    }
    List<String> lists =
        AtomicFiles.list(datapath(), DEVICES).stream()
            .map(file -> file.getFileName().toString())
            .filter(file -> isKnown.test(file.substring(0, file.length() - DEVICES.length())))
            .toList();
    LOG.warn("state lost file={} error=\"{}\" devices={}", datapathNameFile(), problem, lists);
    return lists.size() == 1
        ? Optional.of(lists.getFirst().substring(0, lists.getFirst().length() - DEVICES.length()))
        : Optional.empty();
  }

  /** Notes the name of the datapath that enforces from now on. */
  public void setDatapathName(String name) {
    try {
      AtomicFiles.write(datapathNameFile(), (name + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new AgentException("write " + datapathNameFile() + ": " + AtomicFiles.reason(e), e);
    }
  }

  private Path datapathNameFile() {
    return root.resolve("datapath-name");
  }

  /** Makes a folder for a table of what users asked for, with those above it. */
  public void createSpecs(String name) throws IOException {
    Files.createDirectories(specs(name), FOLDER_MODE);
  }

  /** Makes the folders that are missing. */
  public void create() {
    try {
      for (Path folder : List.of(root, endpoints(), datapath())) {
        Files.createDirectories(folder, FOLDER_MODE);
      }
    } catch (IOException e) {
      throw new AgentException("make state folder " + root + ": " + AtomicFiles.reason(e), e);
    }
  }

  /** Removes what writers left that a crash cut off. Nobody may write meanwhile. */
  public void sweep() {
    try {
      for (Path folder :
          Stream.concat(Stream.of(root, endpoints()), AtomicFiles.list(specs(), "").stream())
              .toList()) {
        for (Path unfinished : AtomicFiles.list(folder, AtomicFiles.UNFINISHED)) {
          Files.deleteIfExists(unfinished);
        }
      }
    } catch (IOException e) {
      throw new AgentException("tidy up state folder " + root + ": " + AtomicFiles.reason(e), e);
    }
  }

  /** Removes the folders with the files that are this class's own; a stranger's file stays. */
  public void remove() {
    try {
      for (Path file : AtomicFiles.list(endpoints(), "")) {
        Files.deleteIfExists(file);
      }
      for (Path file : AtomicFiles.list(recordings(), "")) {
        Files.deleteIfExists(file);
      }
      for (Path table : AtomicFiles.list(specs(), "")) {
        for (Path file : AtomicFiles.list(table, "")) {
          Files.deleteIfExists(file);
        }
        deleteIfEmpty(table);
      }
      for (Path file : AtomicFiles.list(root, "")) {
        // Also set aside or unfinished.
        String name = file.getFileName().toString();
        if (Stream.of(
                apiRules(),
                programPolicies(),
                localIdentities(),
                dnsNames(),
                manifests(),
                policies(),
                serviceNumbers(),
                hostOptions())
            .anyMatch(each -> name.startsWith(each.path().getFileName().toString()))) {
          Files.deleteIfExists(file);
        }
      }
      Files.deleteIfExists(datapathNameFile());
      Files.deleteIfExists(lock());
      for (Path folder : List.of(endpoints(), specs(), recordings(), datapath(), root)) {
        deleteIfEmpty(folder);
      }
    } catch (IOException e) {
      throw new AgentException("remove state folder " + root + ": " + AtomicFiles.reason(e), e);
    }
  }

  private static void deleteIfEmpty(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> content = Files.list(folder)) {
      if (content.findAny().isPresent()) {
        return;
      }
    }
    Files.deleteIfExists(folder);
  }
}
