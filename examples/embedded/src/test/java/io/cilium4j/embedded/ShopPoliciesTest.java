// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

// @start region=policy-test
import io.cilium4j.policy.test.PolicyTests;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ShopPoliciesTest {
  @RegisterExtension
  static final PolicyTests policies = PolicyTests.policies("src/test/resources/shop");

  @Test
  void backend_onPort8080_isTheFrontendsAlone() {
    policies.from("frontend").to("backend").tcp(8080).isAllowed();
    policies.from("world").to("backend").tcp(8080).isDenied();
    policies.assertOnly(policies.from("frontend").to("backend").tcp(8080));
  }
}
// @end region=policy-test
