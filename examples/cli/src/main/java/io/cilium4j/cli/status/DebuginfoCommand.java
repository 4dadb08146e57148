// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * {@code cilium debuginfo}: gathers what helps to find a fault, in an archive or on the output.
 * Everything passes {@link Redaction} first, whatever the agent sends. A part that the agent does
 * not answer is told as such and ends nothing.
 */
public final class DebuginfoCommand implements CommandGroup {
  /** What is asked, and the name it gets in the archive. */
  private static final Map<String, String> PARTS =
      Map.ofEntries(
          Map.entry("debuginfo", "/debuginfo"),
          Map.entry("status", "/healthz"),
          Map.entry("modules", "/health"),
          Map.entry("config", "/config"),
          Map.entry("endpoints", "/endpoint"),
          Map.entry("identities", "/identity"),
          Map.entry("ipcache", "/ip"),
          Map.entry("policy", "/policy"),
          Map.entry("policy-selectors", "/policy/selectors"),
          Map.entry("services", "/service"),
          Map.entry("local-redirects", "/lrp"),
          Map.entry("recorders", "/recorder"),
          Map.entry("prefilter", "/prefilter"),
          Map.entry("maps", "/map"),
          Map.entry("metrics", "/metrics/"),
          Map.entry("fqdn-cache", "/fqdn/cache"),
          Map.entry("fqdn-names", "/fqdn/names"),
          Map.entry("nodes", "/cluster/nodes"),
          Map.entry("node-ids", "/node/ids"),
          Map.entry("cgroups", "/cgroup-dump-metadata"),
          Map.entry("statedb", "/statedb/dump"));

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "",
            "collect information for a bug report, without secrets",
            new Option("--file", "-f", "", "write an archive with a file for each part"),
            new Option("--file-per-command", "", "same as --file"),
            new Option(
                "--output-directory", "DIR", "folder of the archive; default: the current one"),
            new Option("--output", "-o", "FORMAT…", "json or text; default text")));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    List<String> formats = arguments.all("--output");
    for (String format : formats) {
      if (!Set.of("json", "text", "markdown").contains(format)) {
        throw arguments.wrong("--output", "json or text");
      }
    }
    Map<String, String> parts = gather(session);
    boolean toFile =
        List.of("--file", "--file-per-command", "--output-directory").stream()
            .anyMatch(arguments::has);
    if (toFile) {
      Path archive = write(Path.of(arguments.find("--output-directory").orElse(".")), parts);
      session.console().line(archive.toString());
    } else if (formats.contains("json")) {
      session.console().print(parts.getOrDefault("debuginfo.json", ""));
    } else {
      parts.forEach((name, text) -> session.console().print("## " + name + "\n\n" + text + "\n"));
    }
    return 0;
  }

  /** Every part by the name of its file. The first one has to be answered, by an agent at all. */
  private static Map<String, String> gather(Session session) throws IOException {
    Map<String, String> parts = new LinkedHashMap<>();
    String java = System.getProperty("java.version", "");
    parts.put("version.txt", "cilium " + VersionCommand.client() + ", java " + java + "\n");
    for (String name : PARTS.keySet().stream().sorted().toList()) {
      String path = PARTS.getOrDefault(name, "");
      AgentClient.Reply reply = session.agent().send("GET", path, Map.of(), Json.absent());
      if (reply.isSuccess()) {
        parts.put(name + ".json", JsonWriter.indented(Redaction.of(expanded(reply.json()))) + "\n");
      } else {
        parts.put(
            name + ".error.txt", Redaction.text(reply.status() + " " + reply.reason()) + "\n");
      }
    }
    return parts;
  }

  /** Rules come as a text with JSON in it; what is in there is looked at as well. */
  private static Json expanded(Json value) {
    Json policy = value.get("policy");
    if (policy instanceof Json.Text text) {
      try {
        return value.with("policy", JsonReader.parse(text.value()));
      } catch (IllegalArgumentException e) {
        return value;
      }
    }
    return policy.isPresent() ? value.with("policy", expanded(policy)) : value;
  }

  /** A zip archive that only its owner may read: it says much of a cluster, secrets or not. */
  private static Path write(Path folder, Map<String, String> parts) throws IOException {
    String time =
        ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
    Files.createDirectories(folder);
    Path archive = folder.resolve("cilium-debuginfo-" + time + ".zip");
    Files.createFile(
        archive,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try (OutputStream file = Files.newOutputStream(archive, StandardOpenOption.WRITE);
        var zip = new ZipOutputStream(file)) {
      for (Map.Entry<String, String> part : parts.entrySet()) {
        zip.putNextEntry(new ZipEntry("cilium-debuginfo-" + time + "/" + part.getKey()));
        zip.write(part.getValue().getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
      }
    }
    return archive;
  }
}
