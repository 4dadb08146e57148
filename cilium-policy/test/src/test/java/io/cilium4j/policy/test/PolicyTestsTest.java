// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import static io.cilium4j.policy.test.PolicyTests.policies;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PortProtocol;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class PolicyTestsTest {
  private static final String SHOP = "src/test/resources/shop";

  @RegisterExtension static final PolicyTests REGISTERED = policies(SHOP);

  private final PolicyTests policies = policies(SHOP);

  @Test
  void isAllowed_flowThatPasses_holds() {
    policies.from("frontend").to("backend").tcp(8080).isAllowed();
    policies.from("shop/frontend").to("shop/backend").tcp(8080).isAllowed();
    policies.from("prometheus").to("backend").tcp(9101).isAllowed();
    policies.from("192.0.2.9").to("backend").tcp(8443).isAllowed();
    policies.from("host").to("db").tcp(1).isAllowed();
    policies.from(Party.pod("shop", "app=frontend")).to("backend").tcp(8080).isAllowed();
  }

  @Test
  void isAllowed_flowThatIsDropped_failsWithTheExplanation() {
    var flow = policies.from("frontend").to("db").tcp(5432);

    var e = assertThrows(AssertionError.class, flow::isAllowed);
    String text = String.valueOf(e.getMessage());
    assertTrue(text.startsWith("frontend -> db 5432/TCP is dropped, and should pass"), text);
    assertTrue(text.contains("restricted by NetworkPolicy/shop/db-is-closed"), text);
    assertTrue(text.contains("to allow it: {"), text);
  }

  @Test
  void isDenied_flow_holdsExactlyWhereItIsDropped() {
    policies.from("frontend").to("backend").udp(8080).isDenied();
    policies.from("frontend").to("backend").icmp(8).isDenied();
    policies.from("world").to("backend").sctp(1).isDenied();
    policies.from("frontend").to("db").isDenied();

    var e =
        assertThrows(
            AssertionError.class, policies.from("frontend").to("backend").tcp(8080)::isDenied);
    assertTrue(
        String.valueOf(e.getMessage()).contains("allowed by CiliumNetworkPolicy/shop/backend"),
        e.getMessage());
    var any = policies.from("frontend").to("backend");
    assertTrue(
        String.valueOf(assertThrows(AssertionError.class, any::isDenied).getMessage())
            .endsWith("[8080/TCP]"));
  }

  @Test
  void assertOnly_everyFlowThereIs_holds() {
    policies.assertOnly(
        policies.from("frontend").to("backend").tcp(8080),
        policies.from("192.0.2.77").to("backend").tcp(8443),
        policies.from("prometheus").to("backend").tcp(9100),
        policies.from("prometheus").to("backend").tcp(9101),
        policies.from("prometheus").to("backend").tcp(9102),
        policies.from("prometheus").to("backend").tcp(9103));
    policies.assertClosed("db");
  }

  @Test
  void assertOnly_fewerFlowsThanThereAre_namesEachThatIsTooMuch() {
    var e =
        assertThrows(
            AssertionError.class,
            () ->
                policies.assertOnly(
                    policies.from("frontend").to("backend").tcp(8080),
                    policies.from("prometheus").to("backend").tcp(9101),
                    policies.from("frontend").to("db").tcp(5432)));

    String text = String.valueOf(e.getMessage());
    List<String> headlines = text.lines().filter(line -> !line.startsWith(" ")).toList();
    assertEquals(
        List.of(
            "frontend -> db 5432/TCP is dropped, and should pass",
            "tools/prometheus -> shop/backend [9100/TCP, 9102-9103/TCP] passes, and should be"
                + " dropped",
            "192.0.2.0 -> shop/backend [8443/TCP] passes, and should be dropped",
            "192.0.2.255 -> shop/backend [8443/TCP] passes, and should be dropped"),
        headlines,
        text);
    assertThrows(IllegalArgumentException.class, policies::assertOnly);
  }

  @Test
  void assertClosed_partyThatIsReached_fails() {
    assertThrows(AssertionError.class, () -> policies.assertClosed("backend"));
    // Nothing restricts it.
    assertThrows(AssertionError.class, () -> policies.assertClosed("frontend"));
  }

  @Test
  void coverage_afterSomeFlows_namesTheRulesThatNoneTouched() {
    policies.from("frontend").to("backend").tcp(8080).isAllowed();
    policies.from("frontend").to("db").tcp(5432).isDenied();

    assertEquals(
        List.of(
            "CiliumNetworkPolicy/shop/backend spec.ingress[1].toPorts[0]",
            "CiliumNetworkPolicy/shop/backend spec.ingress[2].toPorts[0]"),
        policies.coverage().untouched().stream().map(RuleOrigin::toString).toList());
    assertEquals(
        """
        2 of 4 rules decided a flow of the tests
          untouched: CiliumNetworkPolicy/shop/backend spec.ingress[1].toPorts[0]
          untouched: CiliumNetworkPolicy/shop/backend spec.ingress[2].toPorts[0]\
        """,
        policies.coverage().toString());
  }

  @Test
  void report_someRulesTouched_isInTheFileToo() throws IOException {
    policies.from("frontend").to("backend").tcp(8080).isAllowed();

    String report = policies.report();

    assertTrue(report.startsWith(SHOP + ": 1 of 4 rules decided"), report);
    assertEquals(report + "\n", Files.readString(Path.of("target/policy-coverage/shop.txt")));
  }

  @Test
  void from_nameOfNobody_saysWhoThereIs() {
    var e = assertThrows(IllegalArgumentException.class, () -> policies.from("frontent"));
    String text = String.valueOf(e.getMessage());
    assertTrue(text.contains("shop/frontend, tools/prometheus"), text);
    assertThrows(IllegalArgumentException.class, () -> policies.from("all"));
    assertThrows(IllegalArgumentException.class, () -> policies.from("10.0.0.0/33"));
  }

  @Test
  void from_nameOfTwo_asksForTheNamespace() {
    policies.withPod("frontend", Party.pod("tools", "app=frontend"));

    var e = assertThrows(IllegalArgumentException.class, () -> policies.from("frontend"));
    assertTrue(
        String.valueOf(e.getMessage()).contains("[shop/frontend, tools/frontend]"), e.getMessage());
    policies.from("tools/frontend").to("shop/backend").on(PortProtocol.tcp(9100)).isAllowed();
    policies.from("shop/frontend").to("shop/backend").on(PortProtocol.tcp(9100)).isDenied();
  }

  @Test
  void policies_folderThatCannotBeUnderstood_isRefused(@TempDir Path folder) throws IOException {
    assertThrows(IllegalArgumentException.class, () -> policies(folder));
    Path file = folder.resolve("deep/rules.yml");
    Files.createDirectories(file.getParent());
    Files.writeString(
        file,
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicyy
        metadata: {name: x}
        spec: {endpointSelector: {}}
        """);
    assertThrows(PolicyParseException.class, () -> policies(folder));
    Files.writeString(file, "kind: Pod\nkind: Pod\n");
    assertThrows(IllegalArgumentException.class, () -> policies(folder));
  }
}
