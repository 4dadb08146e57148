// SPDX-License-Identifier: Apache-2.0
package consumer;

import io.cilium4j.datapath.proxy.HttpProxy;

/** Says whether an HTTP proxy can run here, or why not. */
public final class ProxyProgram {
  public static void main(String[] args) {
    System.out.println("unavailable: " + HttpProxy.unavailable());
  }
}
