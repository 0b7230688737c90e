/* The chosen colours, before anything is drawn: it is loaded early and alone. */
(function (root, mode) {
  try { mode = localStorage.getItem("genbook-theme"); } catch (error) { /* private */ }
  if (mode === "light" || mode === "dark") root.dataset.theme = mode;
})(document.documentElement);
