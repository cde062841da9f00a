// Before the first paint: the theme and the language that were chosen, so that nothing flashes.
(function () {
  var kept = function (name) {
    try {
      return localStorage.getItem('whet.' + name);
    } catch (e) {
      return null;
    }
  };
  var theme = kept('theme');
  var dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  document.documentElement.lang = kept('language') || (navigator.language.indexOf('zh') === 0 ? 'zh' : 'en');
})();
