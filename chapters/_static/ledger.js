// Filter the ledger by verdict, by chapter and by what decides.  Without scripts every claim is shown.
document.addEventListener("DOMContentLoaded", () => {
  const claims = [...document.querySelectorAll("div.claim")];
  const place = document.getElementById("ledger-filter");
  if (!claims.length || !place) return;

  const having = (prefix) => {
    const found = claims.flatMap((claim) => [...claim.classList]).filter((name) => name.startsWith(prefix));
    return [...new Set(found)].map((name) => name.slice(prefix.length));
  };
  const questions = [
    ["verdict", "is-", having("is-")],
    ["chapter", "in-", having("in-")],
    ["decided by", "by-", ["check", "source"]],
  ];
  const count = document.createElement("p");
  count.setAttribute("role", "status");

  const chosen = questions.map(([name, prefix, values]) => {
    const label = document.createElement("label");
    label.append(`${name} `);
    const select = document.createElement("select");
    select.append(new Option("all", ""));
    for (const value of values) select.append(new Option(value.replaceAll("_", " "), prefix + value));
    select.addEventListener("change", show);
    label.append(select);
    place.append(label);
    return select;
  });
  place.append(count);

  function show() {
    let shown = 0;
    for (const claim of claims) {
      const fits = chosen.every((select) => !select.value || claim.classList.contains(select.value));
      claim.hidden = !fits;
      shown += fits;
    }
    for (const section of document.querySelectorAll("section")) {
      const mine = section.querySelectorAll(":scope > div.claim");
      if (mine.length) section.hidden = [...mine].every((claim) => claim.hidden);
    }
    count.textContent = `${shown} of ${claims.length} claims`;
  }

  // A link to a claim shows it, whatever is chosen.
  window.addEventListener("hashchange", () => {
    const claim = document.getElementById(location.hash.slice(1));
    if (claim && claim.classList.contains("claim") && claim.hidden) {
      for (const select of chosen) select.value = "";
      show();
      claim.scrollIntoView();
    }
  });
  show();
});
