import { serve } from './desk';

serve(self, 'worker');
