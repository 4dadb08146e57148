// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.task.KeyedLocks;

/** Every operation of the agent's API, in the order of its description. */
final class Operations {
  /** What every path of the API begins with. */
  static final String BASE = "v1";

  private Operations() {}

  static Router of(Agent agent) {
    var locks = new KeyedLocks();
    var daemon = new DaemonOperations(agent);
    var endpoint = new EndpointOperations(agent, locks);
    var settings = new EndpointSettings(agent, locks);
    var identity = new IdentityOperations(agent);
    var ipam = new IpamOperations(agent);
    var policy = new PolicyOperations(agent);
    var service = new ServiceOperations(agent);
    var recorder = new RecorderOperations(agent);
    var prefilter = new PrefilterOperations(agent);
    var maps = new MapOperations(agent);
    var fqdn = new FqdnOperations(agent);
    var network = new NetworkOperations(agent);
    return new Router("/" + BASE)
        .add("GET", "/cluster/nodes", network::clusterNodes)
        .add("GET", "/healthz", daemon::status)
        .add("GET", "/health", daemon::health)
        .add("GET", "/config", daemon::config)
        .add("PATCH", "/config", daemon::changeConfig)
        .add("GET", "/endpoint/{id}", endpoint::get)
        .add("PUT", "/endpoint/{id}", endpoint::put)
        .add("PATCH", "/endpoint/{id}", endpoint::patch)
        .add("DELETE", "/endpoint/{id}", endpoint::delete)
        .add("GET", "/endpoint", endpoint::list)
        .add("DELETE", "/endpoint", endpoint::deleteOfContainer)
        .add("GET", "/endpoint/{id}/config", settings::config)
        .add("PATCH", "/endpoint/{id}/config", settings::changeConfig)
        .add("GET", "/endpoint/{id}/labels", settings::labels)
        .add("PATCH", "/endpoint/{id}/labels", settings::changeLabels)
        .add("GET", "/endpoint/{id}/log", settings::log)
        .add("GET", "/endpoint/{id}/healthz", settings::health)
        .add("GET", "/identity", identity::list)
        .add("GET", "/identity/{id}", identity::get)
        .add("GET", "/identity/endpoints", identity::ofEndpoints)
        .add("POST", "/ipam", ipam::allocate)
        .add("POST", "/ipam/{ip}", ipam::claim)
        .add("DELETE", "/ipam/{ip}", ipam::release)
        .add("GET", "/policy", policy::get)
        .add("PUT", "/policy", policy::put)
        .add("DELETE", "/policy", policy::delete)
        .add("GET", "/policy/selectors", policy::selectors)
        .add("GET", "/policy/subject-selectors", policy::subjectSelectors)
        .add("GET", "/lrp", service::redirects)
        .add("GET", "/service", service::list)
        .add("GET", "/service/{id}", service::get)
        .add("PUT", "/service/{id}", service::put)
        .add("DELETE", "/service/{id}", service::delete)
        .add("GET", "/statedb/dump", maps::dump)
        .add("GET", "/statedb/query/{table}", maps::query)
        .add("GET", "/recorder", recorder::list)
        .add("GET", "/recorder/masks", recorder::masks)
        .add("GET", "/recorder/{id}", recorder::get)
        .add("PUT", "/recorder/{id}", recorder::put)
        .add("DELETE", "/recorder/{id}", recorder::delete)
        .add("GET", "/prefilter", prefilter::get)
        .add("PATCH", "/prefilter", prefilter::add)
        .add("DELETE", "/prefilter", prefilter::remove)
        .add("GET", "/debuginfo", daemon::debugInfo)
        .add("GET", "/cgroup-dump-metadata", network::controlGroups)
        .add("GET", "/map", maps::list)
        .add("GET", "/map/{name}", maps::get)
        .add("GET", "/map/{name}/events", maps::events)
        .add("GET", "/metrics", daemon::metrics)
        .add("GET", "/fqdn/cache", fqdn::cache)
        .add("DELETE", "/fqdn/cache", fqdn::clear)
        .add("GET", "/fqdn/cache/{id}", fqdn::cacheOf)
        .add("GET", "/fqdn/names", fqdn::selectedNames)
        .add("GET", "/ip", network::addresses)
        .add("GET", "/node/ids", network::nodeIds)
        .add("GET", "/bgp/peers", network::noBgp)
        .add("GET", "/bgp/routes", network::noBgp)
        .add("GET", "/bgp/route-policies", network::noBgp)
        .addOutside("GET", "/statedb/query", daemon::healthTable);
  }
}
