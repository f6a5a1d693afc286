import { Document } from '../Document.tsx';

const ModelPage = () => <Document lead={<p>What the simulation takes over from Linux.</p>} sections={[]} />;

export default ModelPage;
