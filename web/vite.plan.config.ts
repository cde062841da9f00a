/** The screen of the plan alone, beside tables of the engine. */
import { alone } from './vite.alone.ts';

export default alone('planner', 'plan', 'whetPlan');
