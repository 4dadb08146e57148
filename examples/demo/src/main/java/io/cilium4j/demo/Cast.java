// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The five pods, with the labels of their manifests. */
enum Cast {
  TIEFIGHTER("org=empire,class=tiefighter"),
  XWING("org=alliance,class=xwing"),
  DEATHSTAR("org=empire,class=deathstar"),
  CURL("app=curl"),
  HTTPBIN("app=httpbin");

  /** The Kubernetes namespace that all of them are in. */
  static final String NAMESPACE = "default";

  private final String labels;

  Cast(String labels) {
    this.labels = labels;
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
