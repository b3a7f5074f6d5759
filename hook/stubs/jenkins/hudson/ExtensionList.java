package hudson;

import java.util.AbstractList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

public class ExtensionList<T> extends AbstractList<T> {
    private final List<T> extensions = new CopyOnWriteArrayList<>();

    @Override
    public T get(int index) {
        return extensions.get(index);
    }

    @Override
    public int size() {
        return extensions.size();
    }

    @Override
    public boolean add(T extension) {
        return extensions.add(extension);
    }

    @Override
    public boolean remove(Object extension) {
        return extensions.remove(extension);
    }
}
