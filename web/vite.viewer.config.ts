/** A report alone: the server puts script and styles into it. */
import { alone } from './vite.alone.ts';

export default alone('viewer', 'report', 'whetReport');
