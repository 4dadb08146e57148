// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpFamily;
import io.cilium4j.it.TestCluster.Pod;

/** A service at every address of every node, with one pod behind it. */
final class NodePortServices {

  static final int PORT = 30_080;
  static final int TARGET = 8080;

  private NodePortServices() {}

  static void serve(TestCluster cluster, Pod backend) throws Exception {
    var text = new StringBuilder();
    for (IpFamily family : IpFamily.values()) {
      boolean isV4 = family == IpFamily.IPV4;
      text.append(
          """
          ---
          apiVersion: v1
          kind: Service
          metadata: {name: web-%1$s, namespace: default}
          spec:
            type: NodePort
            clusterIPs: ["%2$s"]
            ports:
            - {name: tcp, port: 80, nodePort: 30080, protocol: TCP}
            - {name: udp, port: 80, nodePort: 30080, protocol: UDP}
          ---
          apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata:
            name: web-%1$s
            namespace: default
            labels: {kubernetes.io/service-name: web-%1$s}
          addressType: %3$s
          ports: [{name: tcp, port: 8080, protocol: TCP}, {name: udp, port: 8080, protocol: UDP}]
          endpoints: [{addresses: ["%4$s"], nodeName: %5$s}]
          """
              .formatted(
                  isV4 ? "v4" : "v6",
                  isV4 ? "10.96.0.20" : "fd96:0:0:1::20",
                  isV4 ? "IPv4" : "IPv6",
                  backend.address(family),
                  backend.node().name()));
    }
    cluster.write("web.yaml", text.toString());
  }
}
