package hudson.model.queue;

import hudson.ExtensionPoint;
import hudson.model.Queue;

public abstract class QueueListener implements ExtensionPoint {
    public void onEnterWaiting(Queue.WaitingItem item) {}

    public void onLeaveWaiting(Queue.WaitingItem item) {}

    public void onEnterBuildable(Queue.BuildableItem item) {}

    public void onLeaveBuildable(Queue.BuildableItem item) {}

    public void onLeft(Queue.LeftItem item) {}
}
