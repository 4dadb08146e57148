// SPDX-License-Identifier: Apache-2.0
/** Certificates and keys as operators write them. No API: for the modules that speak TLS. */
package io.cilium4j.core.tls;
