// SPDX-License-Identifier: Apache-2.0

/**
 * What users write as YAML or JSON, and what is kept as JSON. Both are read as trees, and travel as
 * trees from there on: {@link io.cilium4j.documents.DocumentReader} makes one of a text, {@link
 * io.cilium4j.documents.JsonWriter} a text of one, {@link io.cilium4j.documents.Trees} says what it
 * is made of.
 */
package io.cilium4j.documents;
