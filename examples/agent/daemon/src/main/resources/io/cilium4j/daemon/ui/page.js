// SPDX-License-Identifier: Apache-2.0
// What the agent observes, as text only: nothing of a flow ever becomes markup.
'use strict';

const KEPT = 10000; // flows of the table's memory
const SHOWN = 500; // rows at a time
const LOOK_MILLIS = 1000;
const KEY = 'cilium4j-token';

const flows = [];
let next = 0; // 0: the last ones that the agent keeps
let lost = 0;

const $ = (id) => document.getElementById(id);
const form = $('filters');

function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) || '';
}

async function ask(path) {
  const answer = await fetch(path, { headers: { Authorization: 'Bearer ' + token() }, cache: 'no-store' });
  if (answer.status === 401) throw new Error('no valid token: open the link that "cilium ui" prints');
  if (!answer.ok) throw new Error(path + ': ' + answer.status);
  return answer.json();
}

function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

// ---- what a flow says

function ports(flow) {
  const l4 = flow.l4 || {};
  return l4.TCP || l4.UDP || l4.SCTP || {};
}

function party(end, address) {
  if (end.pod_name) return end.namespace + '/' + end.pod_name;
  const reserved = (end.labels || []).find((each) => each.startsWith('reserved:'));
  return address + (reserved ? ' (' + reserved.slice('reserved:'.length) + ')' : '');
}

/** Pods of a workload are one in the map; what is outside is one by its identity. */
function group(end, address) {
  const workload = (end.workloads || [])[0];
  if (workload) return end.namespace + '/' + workload.name;
  if (end.pod_name) return end.namespace + '/' + end.pod_name;
  const reserved = (end.labels || []).find((each) => each.startsWith('reserved:'));
  return reserved ? reserved.slice('reserved:'.length) : address;
}

function kind(flow) {
  switch ((flow.event_type || {}).type) {
    case 1: return 'drop';
    case 4: return 'trace';
    case 5: return 'verdict';
    default: return 'http';
  }
}

function shownKind(flow) {
  if (kind(flow) === 'http') return flow.is_reply ? 'HTTP answer' : 'HTTP request';
  if (kind(flow) === 'trace') return (flow.trace_observation_point || '').toLowerCase().replace('_', '-');
  if (kind(flow) === 'verdict') return 'policy verdict';
  return 'drop';
}

function rule(flow) {
  const policies = [].concat(flow.ingress_denied_by || [], flow.egress_denied_by || [],
    flow.ingress_allowed_by || [], flow.egress_allowed_by || []);
  return policies.map((each) => {
    const path = (each.labels || []).find((label) => label.startsWith('cilium4j:rule='));
    return [each.kind, each.namespace, each.name].filter(Boolean).join('/') +
      (path ? ' ' + path.slice('cilium4j:rule='.length) : '');
  }).join(', ');
}

function take(entry) {
  const flow = entry.flow;
  const from = ports(flow).source_port;
  const to = ports(flow).destination_port;
  const taken = {
    number: entry.number,
    flow,
    time: (flow.time || '').replace('T', ' ').replace(/(\.\d{3})\d*Z$/, '$1'),
    from: party(flow.source || {}, flow.IP.source) + (from ? ':' + from : ''),
    to: party(flow.destination || {}, flow.IP.destination) + (to ? ':' + to : ''),
    kind: kind(flow),
    port: String(to || ''),
    rule: rule(flow),
    summary: flow.Summary || '',
  };
  taken.fromText = [taken.from, flow.IP.source, ...((flow.source || {}).labels || [])].join(' ').toLowerCase();
  taken.toText = [taken.to, flow.IP.destination, ...((flow.destination || {}).labels || [])].join(' ').toLowerCase();
  return taken;
}

// ---- filters, which the address keeps

function filters() {
  const wanted = {};
  for (const [name, value] of new FormData(form)) {
    if (value) wanted[name] = value;
  }
  return wanted;
}

function passes(each, wanted) {
  const lower = (name) => (wanted[name] || '').toLowerCase();
  return (!wanted.verdict || each.flow.verdict === wanted.verdict) &&
    (!wanted.kind || each.kind === wanted.kind) &&
    each.fromText.includes(lower('from')) && each.toText.includes(lower('to')) &&
    (!wanted.port || each.port === wanted.port) &&
    (!wanted.text || (each.summary + ' ' + each.rule).toLowerCase().includes(lower('text')));
}

function readAddress() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = form.elements.namedItem(name);
    if (field && field.type === 'checkbox') field.checked = true;
    else if (field) field.value = value;
  }
}

function writeAddress() {
  const text = new URLSearchParams(filters()).toString();
  history.replaceState(null, '', location.pathname + (text ? '?' + text : ''));
}

// ---- the table

function row(each) {
  const line = make('tr');
  const verdict = make('td', each.flow.verdict, each.flow.verdict);
  const summary = make('td', each.summary + (each.rule ? ' · ' + each.rule : ''));
  if (each.flow.verdict === 'DROPPED' || each.flow.verdict === 'AUDIT') {
    if (each.flow.drop_reason_desc) summary.textContent += ' · ' + each.flow.drop_reason_desc;
    const why = make('button', 'why');
    why.type = 'button';
    why.dataset.number = each.number;
    why.setAttribute('aria-label', 'why: ' + each.from + ' to ' + each.to);
    why.addEventListener('click', () => explain(each));
    verdict.append(why);
  }
  line.append(make('td', each.time), make('td', each.from), make('td', each.to),
    make('td', shownKind(each.flow)), verdict, summary);
  return line;
}

function draw() {
  const wanted = filters();
  const found = flows.filter((each) => passes(each, wanted));
  const focused = document.activeElement.dataset.number;
  $('flows').tBodies[0].replaceChildren(...found.slice(-SHOWN).reverse().map(row));
  if (focused) focusWhy(focused);
  $('count').textContent = Math.min(SHOWN, found.length) + ' of ' + found.length + ' flows' +
    (lost ? ', ' + lost + ' not seen' : '');
  drawMap(found);
}

async function explain(each) {
  let text;
  try {
    text = (await ask('api/why?flow=' + each.number)).why;
  } catch (e) {
    text = e.message;
  }
  $('why-title').textContent = 'Why: ' + each.from + ' to ' + each.to;
  $('why-text').textContent = text;
  $('why').hidden = false;
  $('why-text').focus();
  $('why-close').onclick = () => { $('why').hidden = true; focusWhy(each.number); };
}

/** Rows are made anew as flows come; who works with the keyboard stays where they are. */
function focusWhy(number) {
  const button = document.querySelector('button[data-number="' + number + '"]');
  if (button) button.focus({ preventScroll: true });
}

// ---- the map

/** One edge for each pair and whether it is denied; a packet that is told twice counts once. */
function edges(found) {
  const all = new Map();
  for (const each of found) {
    if (each.flow.is_reply || each.kind === 'trace' && each.flow.trace_reason !== 'NEW') continue;
    const from = group(each.flow.source || {}, each.flow.IP.source);
    const to = group(each.flow.destination || {}, each.flow.IP.destination);
    const isBad = each.flow.verdict === 'DROPPED';
    const key = JSON.stringify([from, to, isBad]);
    const edge = all.get(key) || { from, to, isBad, ports: new Map() };
    const port = (Object.keys(each.flow.l4 || {})[0] || 'IP') + (each.port ? ' ' + each.port : '');
    const counts = edge.ports.get(port) || {};
    counts[each.kind] = (counts[each.kind] || 0) + 1;
    edge.ports.set(port, counts);
    all.set(key, edge);
  }
  for (const edge of all.values()) {
    edge.count = 0;
    edge.text = [...edge.ports].map(([port, counts]) => {
      const packets = Math.max(counts.drop || 0, counts.verdict || 0, counts.trace || 0);
      edge.count += packets + (counts.http || 0);
      return port + (packets ? ' × ' + packets : '') + (counts.http ? ' (HTTP ' + counts.http + ')' : '');
    }).join(', ') + (edge.isBad ? ' denied' : '');
  }
  return [...all.values()];
}

function svg(tag, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);

/** Who begins stands on the left, who is asked on the right. */
function drawMap(found) {
  const all = edges(found).sort((a, b) => b.isBad - a.isBad || b.count - a.count).slice(0, 60);
  if (all.length === 0) {
    $('map').replaceChildren(make('p', 'nothing seen', 'none'));
    return;
  }
  const left = [...new Set(all.map((each) => each.from))];
  const right = [...new Set(all.map((each) => each.to))];
  const height = 20 + 44 * Math.max(left.length, right.length, all.length * 0.6);
  const width = 1000;
  const y = (names, name) => 10 + (names.indexOf(name) + 0.5) * (height - 20) / names.length;
  const picture = svg('svg', { viewBox: '0 0 ' + width + ' ' + height, width: '100%', role: 'img',
    'aria-label': all.map((each) => each.from + ' to ' + each.to + ': ' + each.text).join('; ') });
  const begun = new Map(); // how many labels stand where an edge begins
  all.forEach((each) => {
    const kind = each.isBad ? 'bad' : '';
    const beginning = JSON.stringify([each.from, each.isBad]);
    const before = begun.get(beginning) || 0;
    begun.set(beginning, before + 1);
    const from = y(left, each.from) + (each.isBad ? 6 : -6);
    const to = y(right, each.to) + (each.isBad ? 6 : -6);
    picture.append(svg('path', { class: kind, d: 'M230 ' + from + ' C430 ' + from + ' 570 ' + to + ' 770 ' + to }));
    // Near its own beginning, where the edges of others are apart.
    const label = svg('text', { class: 'edge ' + kind, x: 244 + 150 * before, y: from + (each.isBad ? 13 : -4) }, short(each.text, before ? 24 : 56));
    label.append(svg('title', {}, each.text));
    picture.append(label);
  });
  for (const [names, x] of [[left, 10], [right, 770]]) {
    for (const name of names) {
      const box = svg('g', {});
      box.append(svg('rect', { x, y: y(names, name) - 12, width: 220, height: 24, rx: 4 }),
        svg('text', { x: x + 8, y: y(names, name) + 4 }, short(name, 30)), svg('title', {}, name));
      picture.append(box);
    }
  }
  $('map').replaceChildren(picture);
}

// ---- endpoints and policies, asked for when they are opened

function table(head, rows) {
  const all = make('table');
  const top = make('tr');
  head.forEach((each) => top.append(make('th', each)));
  all.createTHead().append(top);
  const body = all.createTBody();
  rows.forEach((cells) => {
    const line = make('tr');
    cells.forEach((each) => line.append(make('td', each)));
    body.append(line);
  });
  return all;
}

function onOpen(id, path, head, cells) {
  $(id).addEventListener('toggle', async () => {
    if (!$(id).open) return;
    const place = $(id).querySelector('div');
    try {
      place.replaceChildren(table(head, (await ask(path)).map(cells)));
    } catch (e) {
      place.textContent = e.message;
    }
  });
}

// ---- following

async function follow() {
  let isMore = false;
  try {
    if (!form.elements.namedItem('paused').checked) {
      const answer = await ask('api/flows?after=' + next);
      next = answer.next;
      lost += answer.lost;
      isMore = answer.flows.length >= 1000;
      if (answer.flows.length > 0) {
        flows.push(...answer.flows.map(take));
        if (flows.length > KEPT) flows.splice(0, flows.length - KEPT);
        draw();
      }
      $('node').textContent = answer.node;
      $('state').textContent = 'live';
    } else {
      $('state').textContent = 'held';
    }
  } catch (e) {
    $('state').textContent = e.message;
  }
  setTimeout(follow, isMore ? 0 : LOOK_MILLIS);
}

readAddress();
form.addEventListener('input', () => { writeAddress(); draw(); });
form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('reset', () => setTimeout(() => { writeAddress(); draw(); }));
onOpen('endpoints', 'api/endpoints', ['Id', 'Pod', 'Identity', 'State', 'Addresses', 'Policy (ingress, egress)', 'Labels'],
  (each) => [each.id, each.pod, each.identity, each.state, each.addresses.join(' '), each.enforced, each.labels.join(' ')]);
onOpen('policies', 'api/policies', ['Policy', 'Selects', 'Problem'], (each) => [each.name, each.selects.join(' '), each.problem]);
draw();
follow();
