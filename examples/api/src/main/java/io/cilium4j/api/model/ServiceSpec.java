// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A service: a frontend and its backends. */
public record ServiceSpec(
    long id,
    @JsonInclude(JsonInclude.Include.ALWAYS) @JsonProperty("frontend-address")
        @Nullable FrontendAddress frontendAddress,
    @JsonProperty("backend-addresses") List<BackendAddress> backendAddresses,
    @Nullable Flags flags,
    boolean updateServices) {
  public ServiceSpec {
    backendAddresses = Absent.list(backendAddresses);
  }

  /**
   * What kind of service it is, and where it comes from.
   *
   * @param type one of {@code ClusterIP}, {@code NodePort}, {@code ExternalIPs}, {@code HostPort},
   *     {@code LoadBalancer}, {@code LocalRedirect}
   * @param trafficPolicy one of {@code Cluster}, {@code Local}
   * @param extTrafficPolicy one of {@code Cluster}, {@code Local}
   * @param intTrafficPolicy one of {@code Cluster}, {@code Local}
   * @param natPolicy one of {@code None}, {@code Nat46}, {@code Nat64}
   */
  public record Flags(
      String type,
      String trafficPolicy,
      String extTrafficPolicy,
      String intTrafficPolicy,
      String natPolicy,
      int healthCheckNodePort,
      String name,
      String namespace,
      String cluster) {
    public Flags {
      type = Absent.text(type);
      trafficPolicy = Absent.text(trafficPolicy);
      extTrafficPolicy = Absent.text(extTrafficPolicy);
      intTrafficPolicy = Absent.text(intTrafficPolicy);
      natPolicy = Absent.text(natPolicy);
      name = Absent.text(name);
      namespace = Absent.text(namespace);
      cluster = Absent.text(cluster);
    }

    /** Begins one with nothing in it. */
    public static Builder builder() {
      return new Builder();
    }

    /** Puts one together; what is not set is absent. */
    public static final class Builder {
      private String type = "";
      private String trafficPolicy = "";
      private String extTrafficPolicy = "";
      private String intTrafficPolicy = "";
      private String natPolicy = "";
      private int healthCheckNodePort;
      private String name = "";
      private String namespace = "";
      private String cluster = "";

      private Builder() {}

      public Builder type(String value) {
        type = value;
        return this;
      }

      public Builder trafficPolicy(String value) {
        trafficPolicy = value;
        return this;
      }

      public Builder extTrafficPolicy(String value) {
        extTrafficPolicy = value;
        return this;
      }

      public Builder intTrafficPolicy(String value) {
        intTrafficPolicy = value;
        return this;
      }

      public Builder natPolicy(String value) {
        natPolicy = value;
        return this;
      }

      public Builder healthCheckNodePort(int value) {
        healthCheckNodePort = value;
        return this;
      }

      public Builder name(String value) {
        name = value;
        return this;
      }

      public Builder namespace(String value) {
        namespace = value;
        return this;
      }

      public Builder cluster(String value) {
        cluster = value;
        return this;
      }

      public Flags build() {
        return new Flags(
            type,
            trafficPolicy,
            extTrafficPolicy,
            intTrafficPolicy,
            natPolicy,
            healthCheckNodePort,
            name,
            namespace,
            cluster);
      }
    }
  }
}
