// SPDX-License-Identifier: Apache-2.0

/** Labels to identities, addresses to identities. */
package io.cilium4j.identity;
