/** The keyboard alone: Tab reaches every control of every view, and one sees where one is. */
import { expect, test } from 'vitest';
import { opened } from './browser';

const VIEWS = [
  ['/runs?filter=project%20%3D%3D%20%22broken%22', 'talking'],
  ['/runs/digits-2', 'gradient_norm'],
  ['/runs/digits-2/overview', 'optimizer.kind'],
  ['/runs/leaping/diagnosis', 'loss-spike'],
  ['/runs/leaping/samples?step=25', 'spiked.jsonl'],
  ['/runs/talking/console?line=7', 'line 7 of 20000'],
  ['/runs/ranks/system', 'forward_s'],
  ['/compare?runs=digits-0,digits-1', 'digits-4'],
  ['/compare?runs=taught,rewarded&part=evaluations', 'While they trained'],
  ['/reports', 'New report'],
  ['/settings', 'This server is yours alone'],
] as const;

/** In the page: what can be used and is seen; of a group that arrows move within, such as a menu, its one stop. */
const CONTROLS = `[...document.querySelectorAll(
  'a[href], button:not(:disabled), input:not(:disabled), select, textarea, [tabindex="0"]',
)].filter((one) => one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }))`;

/** In the page: marks what has the focus, and says whether that is seen. */
const NOTE = `(() => {
  const one = document.activeElement;
  if (!one || one === document.body) return 'nothing';
  one.dataset.reached = 'yes';
  const isSeen = (element) => {
    const style = getComputedStyle(element);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  };
  const near = [one, one.parentElement, one.nextElementSibling].filter(Boolean);
  return near.some(isSeen) ? 'seen' : one.outerHTML.slice(0, 160);
})()`;

test.each(VIEWS)('%s: Tab reaches everything, and the focus is seen', async (path, word) => {
  const page = await opened(path);
  await page.getByText(word, { exact: false }).filter({ visible: true }).first().waitFor();
  await page.waitForLoadState('networkidle');
  const count = Number(await page.evaluate(`${CONTROLS}.length`));
  expect(count).toBeGreaterThan(5);
  const unseen: string[] = [];
  const left = () =>
    page.evaluate(
      `${CONTROLS}.filter((one) => !one.dataset.reached).map((one) => one.outerHTML.slice(0, 160))`,
    ) as Promise<string[]>;
  // Around once; what came meanwhile, such as a run that began, is reached in another round.
  for (let round = 0; round < 3 && (round === 0 || (await left()).length); round++) {
    for (let press = 0; press < count + 10; press++) {
      await page.keyboard.press('Tab');
      const told = String(await page.evaluate(NOTE));
      if (told !== 'seen' && told !== 'nothing') unseen.push(told);
    }
  }
  expect(unseen).toEqual([]);
  expect(await left()).toEqual([]);
});
