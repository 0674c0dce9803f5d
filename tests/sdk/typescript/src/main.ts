import './activity_stories';
import './approval_stories';
import './chain_stories';
import './child_stories';
import './deploy_stories';
import './operator_stories';
import './saga_stories';
import './start_stories';
import { tellAll } from './story';

tellAll();
