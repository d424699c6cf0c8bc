// The theme listens to the first button of each sidebar, and that one stands in the header that this book does not show
// (book.css).  The buttons that a reader sees pass their clicks on to it; without this they are dead, on phones too.
"use strict";
for (const side of ["primary", "secondary"]) {
  const [heard, ...seen] = document.querySelectorAll(`.${side}-toggle`);
  for (const button of seen) button.addEventListener("click", () => heard.click());
}
