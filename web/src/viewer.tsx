/** A report in a file of its own: its data stands in the file, and nothing is asked of anybody. */
import { createRoot } from 'react-dom/client';
import { Body } from '~/shared/report/Body';
import type { Frozen } from '~/shared/report/frozen';
import '~/shared/theme/base.css';
import '~/viewer.css';

const dark = matchMedia('(prefers-color-scheme: dark)');
const dress = () => (document.documentElement.dataset.theme = dark.matches ? 'dark' : 'light');
dress();
dark.addEventListener('change', dress);

const place = document.getElementById('report');
const data = document.getElementById('report-data')?.textContent;
if (place && data) {
  const frozen = JSON.parse(data) as Frozen;
  createRoot(place).render(
    <>
      <h1>{frozen.report.title}</h1>
      <Body frozen={frozen} />
    </>,
  );
}
