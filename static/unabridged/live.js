/* Keeps bars moving: asks for what is under way every few seconds, and loads the page anew when something began or ended. */
(function () {
  "use strict";
  var script = document.currentScript;
  var EVERY = 3000;
  var IDLE = 10000;

  function cards() {
    return Array.prototype.slice.call(document.querySelectorAll("[data-live]"));
  }

  function isTyping() {
    var at = document.activeElement;
    return Boolean(at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
  }

  function fill(card, row) {
    var bar = card.querySelector("progress");
    var figure = card.querySelector("[data-percent]");
    var text = card.querySelector("[data-text]");
    if (bar && row.percent !== null) bar.value = row.percent;
    if (figure && row.percent !== null) figure.textContent = row.percent + " %";
    if (text && row.text) text.textContent = row.text;
  }

  function show(answer) {
    var all = document.querySelector("[data-live-all]");
    var known = {};
    var changed = false;
    answer.rows.forEach(function (row) { known[row.id] = row; });
    cards().forEach(function (card) {
      var row = known[card.dataset.live];
      if (!row || row.is_over || (card.dataset.status && card.dataset.status !== row.status)) changed = true;
      if (row) fill(card, row);
      delete known[card.dataset.live];
    });
    if (all && Object.keys(known).some(function (id) { return !known[id].is_extra; })) changed = true;
    if (changed && !isTyping()) window.location.reload();
  }

  function look() {
    var watched = cards().map(function (card) { return card.dataset.live; });
    var next = watched.length ? EVERY : IDLE;
    if (document.hidden) { window.setTimeout(look, next); return; }
    fetch(script.dataset.url + "?watch=" + encodeURIComponent(watched.join(",")), {
      headers: { "Accept": "application/json" }, credentials: "same-origin", redirect: "error"
    }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }).then(show).catch(function () { next = IDLE; }).then(function () { window.setTimeout(look, next); });
  }

  document.addEventListener("DOMContentLoaded", function () {
    if (document.querySelector("[data-live], [data-live-all]")) window.setTimeout(look, EVERY);
  });
})();
