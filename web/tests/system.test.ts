/** System: where the time of a step goes, which rank is slow, what the machine did, and what it was. */
import { expect, test } from 'vitest';
import { opened } from './browser';

test('the slow rank is said, read by keys in the map, and its console is one key away', async () => {
  const page = await opened('/runs/ranks/system');
  await page.getByText(/^Rank 1 stands out/).waitFor();
  const map = page.getByRole('button', { name: /Heat map of 2 ranks/ });
  await map.focus();
  await page.keyboard.press('ArrowDown');
  await page.getByText(/^Rank 0, step 1:/).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.getByText(/^Rank 1, step 2: [\d.]+$/).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/console\?(rank=1&step=2|step=2&rank=1)/);
});

test('another curve of the ranks is chosen, and the address keeps it', async () => {
  const page = await opened('/runs/ranks/system');
  const curve = page.getByRole('combobox', { name: /^Curve/ });
  await curve.selectOption('loss');
  await page.waitForURL(/ranks=loss/);
  await page.reload();
  await expect.poll(() => curve.inputValue()).toBe('loss');
});

test('of a mesh it is told where ranks stand, what each holds and how weights are cut', async () => {
  const page = await opened('/runs/meshed/system');
  await page.getByText('4 ranks as shard 2 × tensor 2').waitFor();
  const ranks = page.getByRole('region', { name: 'Where ranks stand' });
  await ranks.getByRole('row', { name: /^2 1 0 [\d.]+ [KM]iB$/ }).waitFor();
  await page.getByText('How weights are cut').click();
  await page
    .getByRole('row', { name: /mlp\.down_proj\.weight × 2 .* fsdp rows, tensor columns 4 all/ })
    .waitFor();
  const map = page.getByRole('button', { name: /Heat map of 4 ranks/ });
  await map.focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
  await page.getByText(/^Rank 2 \(shard 1, tensor 0\), step 1:/).waitFor();
});

test('parts of a step, samples of the machine and its versions are there', async () => {
  const page = await opened('/runs/leaping/system');
  await page.getByText(/forward_s .* %/).waitFor();
  // What is far down is drawn when one comes near.
  await page.mouse.move(700, 600);
  const memory = page.locator('figure', { hasText: 'memory/process_bytes' }).locator('canvas');
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, 300);
      return memory.count();
    })
    .toBe(1);
  await page.getByText('torch', { exact: true }).waitFor();
});

test('a script without samples says so', async () => {
  const page = await opened('/runs/digits-1/system');
  await page.getByText('No hardware was sampled').waitFor();
  await page.getByText('Scripts record no parts of a step.').waitFor();
});
