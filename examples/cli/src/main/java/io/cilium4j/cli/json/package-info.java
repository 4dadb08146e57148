// SPDX-License-Identifier: Apache-2.0
/**
 * JSON for a program that lives for a tenth of a second: a tree, a reader, and what prints it.
 *
 * <p>{@link io.cilium4j.cli.json.Json} is the tree; whoever walks into something that is not there
 * gets {@link io.cilium4j.cli.json.Json#absent}, which is empty in every respect, so that a table
 * is printed without asking at each step. {@link io.cilium4j.cli.json.JsonReader} makes it of a
 * text, {@link io.cilium4j.cli.json.JsonWriter}, {@link io.cilium4j.cli.json.YamlWriter} and {@link
 * io.cilium4j.cli.json.JsonPath} print it.
 *
 * <p>Why not a library: docs/adr says what its classes cost at each start.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.cli.json;
