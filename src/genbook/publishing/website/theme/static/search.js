/* What the search page asks of Sphinx's scripts, once they are there. */
// A page on a disk may not read its neighbours: list the titles alone.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
// A formula stands in a page twice, drawn and as MathML: keep the MathML.
(function (whole) {
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".katex-html, annotation, .gb-turn").forEach((e) => e.remove());
    return whole(page.documentElement.outerHTML, anchor);
  };
})(Search.htmlToText);
