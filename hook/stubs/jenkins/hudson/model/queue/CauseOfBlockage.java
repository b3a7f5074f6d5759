package hudson.model.queue;

import hudson.model.Node;

public abstract class CauseOfBlockage {
    public abstract String getShortDescription();

    public static final class BecauseNodeIsBusy extends CauseOfBlockage {
        public final Node node;

        public BecauseNodeIsBusy(Node node) {
            this.node = node;
        }

        @Override
        public String getShortDescription() {
            return "Waiting for next available executor on " + node.getNodeName();
        }
    }
}
