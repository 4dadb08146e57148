// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

class LabelsTest {

  @Property
  void parse_ofToString_isTheSameLabel(
      @ForAll @AlphaChars @StringLength(min = 1, max = 8) String source,
      @ForAll @AlphaChars @Chars({'.', '/', ':'}) @StringLength(min = 1, max = 12) String key,
      @ForAll @AlphaChars @Chars({'=', ':', '-'}) @StringLength(max = 12) String value) {
    Label label = new Label(source, key, value);
    // "reserved:=x" is an old spelling of "reserved:x" and needs no canonical text.
    assertEquals(label, Label.parse(label.toString()));
  }

  @Test
  void parse_lenientSpellings_areTheFieldsOwn() {
    assertEquals(new Label("unspec", "foo", ""), Label.parse("foo"));
    assertEquals(new Label("any", "foo", ""), Label.parseSelector("foo"));
    assertEquals(Label.reserved("host"), Label.parse("$host"));
    assertEquals(Label.reserved("host"), Label.parse("reserved:=host"));
    assertEquals(new Label("a", "b:c", "d"), Label.parse("a:b:c=d"));
    assertEquals(new Label("unspec", "foo", "a=b"), Label.parse("foo=a=b"));
  }

  @Test
  void parse_withoutKey_isRefusedWithTheText() {
    var refused = assertThrows(IllegalArgumentException.class, () -> Label.parse("k8s:=x"));
    assertTrue(String.valueOf(refused.getMessage()).contains("k8s:=x"));
    assertEquals(Optional.empty(), Label.tryParse("x".repeat(Label.MAX_TEXT_CHARS + 1)));
  }

  @Test
  void of_twoLabelsOfOneKey_keepsTheLater() {
    Labels labels = Labels.parse("k8s:a=1", "container:a=2");
    assertEquals(List.of(new Label("container", "a", "2")), labels.sorted());
  }

  @Test
  void canonical_always_hasEqualsAndSemicolon() {
    Labels labels = Labels.parse("reserved:host", "k8s:b=1", "k8s:a=2", "cidr:10.0.0.0/8");
    assertEquals("cidr:10.0.0.0/8=;k8s:a=2;k8s:b=1;reserved:host=;", labels.canonical());
    assertEquals(labels, Labels.parseCanonical(labels.canonical()));
    assertEquals(labels, Labels.parseCanonical(";;" + labels.canonical()));
  }

  @Property
  void canonical_ofAnyLabels_readsBackEqual(
      @ForAll @Size(max = 8) List<@AlphaChars @StringLength(min = 1, max = 3) String> keys) {
    Labels labels = Labels.of(keys.stream().map(key -> Label.k8s(key, key + "v")).toList());
    assertEquals(labels, Labels.parseCanonical(labels.canonical()));
    keys.forEach(key -> assertTrue(labels.get(key).isPresent(), key));
  }

  @Test
  void cidrLabel_ofIpv6_hasDashesAndZeros() {
    assertEquals("0--1/128", CidrLabels.key(IpPrefix.parse("::1/128")));
    assertEquals("2001-db8--0/32", CidrLabels.key(IpPrefix.parse("2001:db8::/32")));
    assertEquals(
        Optional.of(IpPrefix.parse("2001:db8::/32")), CidrLabels.tryParseKey("2001-db8--0/32"));
    assertEquals(Optional.empty(), CidrLabels.of(IpPrefix.parse("0.0.0.0/0")));
  }

  @Test
  void requirement_notIn_holdsWhereTheKeyIsAbsent() {
    var notIn = new Requirement("k8s", "a", Requirement.Operator.NOT_IN, List.of("1"));
    assertTrue(notIn.matches(Labels.EMPTY));
    assertTrue(notIn.matches(Labels.parse("container:a=1")));
    assertFalse(notIn.matches(Labels.parse("k8s:a=1")));
  }

  @Test
  void requirement_anySource_isOneWay() {
    assertTrue(Requirement.equalTo(Label.parseSelector("a=1")).matches(Labels.parse("k8s:a=1")));
    assertFalse(Requirement.equalTo(Label.k8s("a", "1")).matches(Labels.parse("any:a=1")));
  }

  @Test
  void requirement_cidr_isContainment() {
    var wanted = Requirement.exists("cidr", "10.0.0.0/8");
    assertTrue(wanted.matches(Labels.parse("cidr:10.1.0.0/16")));
    assertFalse(wanted.matches(Labels.parse("cidr:0.0.0.0/1")));
    assertFalse(wanted.matches(Labels.parse("cidr:2001-db8--0/32")));
  }

  @Test
  void requirement_valuesWhereNoneBelong_areRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new Requirement("k8s", "a", Requirement.Operator.EXISTS, List.of("1")));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Requirement("k8s", "a", Requirement.Operator.IN, List.of()));
  }

  @Test
  void selector_orderAndDuplicates_doNotMatter() {
    Label a = Label.k8s("a", "1");
    Label b = Label.k8s("b", "2");
    assertEquals(EndpointSelector.of(a, b), EndpointSelector.of(b, a, b));
    assertEquals(EndpointSelector.of(a, b).toString(), EndpointSelector.of(b, a).toString());
    assertTrue(EndpointSelector.WILDCARD.matches(Labels.EMPTY));
    assertFalse(EndpointSelector.of(a, b).matches(Labels.of(a)));
  }
}
