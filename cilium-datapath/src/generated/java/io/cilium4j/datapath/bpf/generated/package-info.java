// SPDX-License-Identifier: Apache-2.0

/**
 * What jextract makes of libbpf's headers; never edited, see {@code src/generated/regenerate}.
 *
 * <p>These classes look libbpf up when they initialise, with an error nobody understands where it is
 * missing: reach them only through {@code LibBpf}, which looks first.
 */
@NullUnmarked
package io.cilium4j.datapath.bpf.generated;

import org.jspecify.annotations.NullUnmarked;
