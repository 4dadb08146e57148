// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * Which prefixes are dropped.
 *
 * @param realized what is enforced
 */
public record PrefilterStatus(@Nullable PrefilterSpec realized) {}
