// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The five pods, with the labels of their manifests and, of two nodes, the one that they are on.
 */
enum Role {
  TIEFIGHTER("org=empire,class=tiefighter", 1),
  XWING("org=alliance,class=xwing", 1),
  DEATHSTAR("org=empire,class=deathstar", 2),
  CURL("app=curl", 1),
  HTTPBIN("app=httpbin", 2);

  /** The Kubernetes namespace that all of them are in. */
  static final String NAMESPACE = "default";

  private final String labels;
  private final int node;

  Role(String labels, int node) {
    this.labels = labels;
    this.node = node;
  }

  /** On which of two nodes it is: 1 or 2. */
  int node() {
    return node;
  }

  /** The pod's name. */
  String podName() {
    return name().toLowerCase(Locale.ROOT);
  }

  Map<String, String> labels() {
    Map<String, String> byKey = new HashMap<>();
    for (String label : labels.split(",", -1)) {
      int equals = label.indexOf('=');
      byKey.put(label.substring(0, equals), label.substring(equals + 1));
    }
    return byKey;
  }
}
