package hudson.model.queue;

import hudson.ExtensionPoint;
import hudson.model.Node;
import hudson.model.Queue;

public abstract class QueueTaskDispatcher implements ExtensionPoint {
    @Deprecated
    public CauseOfBlockage canTake(Node node, Queue.Task task) {
        return null;
    }

    public CauseOfBlockage canTake(Node node, Queue.BuildableItem item) {
        return canTake(node, item.task);
    }

    public CauseOfBlockage canRun(Queue.Item item) {
        return null;
    }
}
