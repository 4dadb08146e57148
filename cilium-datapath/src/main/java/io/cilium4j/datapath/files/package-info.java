// SPDX-License-Identifier: Apache-2.0

/** What the kernel knows of files and the JDK does not tell. */
package io.cilium4j.datapath.files;
