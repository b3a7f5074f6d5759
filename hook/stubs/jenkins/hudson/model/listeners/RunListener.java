package hudson.model.listeners;

import hudson.ExtensionPoint;
import hudson.model.Run;
import hudson.model.TaskListener;

@SuppressWarnings("rawtypes")
public abstract class RunListener<R extends Run> implements ExtensionPoint {
    public final Class<R> targetType;

    protected RunListener(Class<R> targetType) {
        this.targetType = targetType;
    }

    protected RunListener() {
        throw new IllegalStateException("A raw RunListener has no type to listen to.");
    }

    public void onCompleted(R run, TaskListener listener) {}

    public void onFinalized(R run) {}

    public void onInitialize(R run) {}

    public void onStarted(R run, TaskListener listener) {}

    public void onDeleted(R run) {}
}
